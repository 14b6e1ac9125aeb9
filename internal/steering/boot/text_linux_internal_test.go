package boot

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestS10TheProgramsOwnPagesAreReturned: most of them are not needed at rest, and what
// is needed comes back.
func TestS10TheProgramsOwnPagesAreReturned(t *testing.T) {
	text, err := os.ReadFile("/proc/self/exe") // each page was in use
	if err != nil || len(text) == 0 {
		t.Fatal(err)
	}
	before := fromFiles(t)
	if err := returnText(); err != nil {
		t.Fatal(err)
	}
	if after := fromFiles(t); after >= before*3/4 {
		t.Errorf("%d kB of files are resident, %d before", after, before)
	}
}

// fromFiles is how much of files is resident, in kB.
func fromFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
