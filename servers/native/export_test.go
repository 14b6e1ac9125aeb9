package native

import (
	"testing"

	"counterpart/internal/company/cause"
	"counterpart/internal/serving/strictjson"
)

// Strict decodes a body as validate does and demands a cause for every refusal.
func Strict(t *testing.T, body string) {
	var in accessRequest
	err := strictjson.Decode([]byte(body), &in)
	if err == nil {
		_, err = in.access()
	}
	if _, ok := cause.Of(err); err != nil && !ok {
		t.Fatalf("%q: %v is no cause", body, err)
	}
}
