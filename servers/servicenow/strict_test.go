package servicenow_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestTinyURLsAreBounded: the oldest of many is forgotten.
func TestTinyURLsAreBounded(t *testing.T) {
	a := start(t)
	var first, last string
	for i := range 300 {
		r := a.want(200, "POST", "/api/now/tinyurl", fmt.Sprintf(`{"url":"/api/now/table/incident?sysparm_query=number=%d"}`, i))
		_, last, _ = strings.Cut(r.json["result"].(string), "sysparm_tiny=")
		if i == 0 {
			first = last
		}
	}
	a.want(404, "GET", "/api/now/table/incident?sysparm_tiny="+first, "")
	a.want(200, "GET", "/api/now/table/incident?sysparm_tiny="+last, "")
	keys, err := a.Store.List(t.Context(), "server/sn1/tiny/")
	if err != nil || len(keys) > 250 {
		t.Errorf("%d are kept, %v", len(keys), err)
	}
}
