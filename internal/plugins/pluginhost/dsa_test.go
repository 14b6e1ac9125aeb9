package pluginhost_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
)

// dsaKeys returns one DSA key in PKCS#1 style and in PKCS#8. Its numbers are
// small: nothing here signs with it.
func dsaKeys(t testing.TB) (pkcs1, pkcs8 []byte) {
	t.Helper()
	p, q, g, x := big.NewInt(23), big.NewInt(11), big.NewInt(4), big.NewInt(7)
	y := new(big.Int).Exp(g, x, p)
	must := func(v any) []byte {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	pkcs1 = must([]*big.Int{big.NewInt(0), p, q, g, y, x})
	pkcs8 = must(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}, Parameters: asn1.RawValue{FullBytes: must([]*big.Int{p, q, g})}}, must(x)})
	return pkcs1, pkcs8
}
