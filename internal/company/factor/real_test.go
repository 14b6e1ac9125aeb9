//go:build real

package factor_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"counterpart/internal/company/factor"
	"counterpart/internal/company/world"
)

// TestRealOathtool is number 3 of otp-core's checklist: oathtool and we agree
// for random secrets and times.
func TestRealOathtool(t *testing.T) {
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatal("oathtool is missing; make tools installs it")
	}
	r := rand.New(rand.NewPCG(1, 2))
	ask := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(tool, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("oathtool %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for range 20 {
		secret := make([]byte, 10+r.IntN(55))
		for i := range secret {
			secret[i] = byte(r.Uint32())
		}
		unix, counter := r.Int64N(1<<33), r.Uint64N(1<<40)
		for _, algorithm := range []string{"SHA1", "SHA256", "SHA512"} {
			for _, digits := range []int{6, 8} {
				d := world.Device{Kind: world.TOTP, Secret: secret, Algorithm: algorithm, Digits: digits}
				mine, err := factor.CodeAt(d, uint64(unix/30))
				if err != nil {
					t.Fatal(err)
				}
				theirs := ask("-b", "--totp="+strings.ToLower(algorithm), "-d", fmt.Sprint(digits), "-N", fmt.Sprintf("@%d", unix), factor.Base32(secret))
				if mine != theirs {
					t.Errorf("%s, %d digits at %d: %s, oathtool says %s", algorithm, digits, unix, mine, theirs)
				}
			}
		}
		mine, err := factor.CodeAt(world.Device{Kind: world.HOTP, Secret: secret}, counter)
		if theirs := ask("-b", "--hotp", "-c", fmt.Sprint(counter), factor.Base32(secret)); err != nil || mine != theirs {
			t.Errorf("HOTP at %d: %s (%v), oathtool says %s", counter, mine, err, theirs)
		}
	}
}
