package servicenow_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestN2Aggregates: every parameter of the Aggregate API is computed.
func TestN2Aggregates(t *testing.T) {
	a := start(t, `    records:
      incident:
        - {number: INC9000001, state: "2", priority: "1", reassignment_count: "1", assigned_to: alice, short_description: a}
        - {number: INC9000002, state: "2", priority: "3", reassignment_count: "2", assigned_to: alice, short_description: b}
        - {number: INC9000003, state: "1", priority: "3", reassignment_count: "7", assigned_to: trent, short_description: c}
        - {number: INC9000004, state: "1", priority: "4", reassignment_count: "0", short_description: d}`)
	const own = "&sysparm_query=numberSTARTSWITHINC9"
	for query, want := range map[string]string{
		"sysparm_count=true": `{"stats":{"count":"4"}}`,
		"sysparm_count=true&sysparm_avg_fields=reassignment_count,priority&sysparm_min_fields=reassignment_count,number&sysparm_max_fields=reassignment_count&sysparm_sum_fields=reassignment_count": `{"stats":{"avg":{"priority":"2.7500","reassignment_count":"2.5000"},"count":"4","max":{"reassignment_count":"7"},"min":{"number":"INC9000001","reassignment_count":"0"},"sum":{"reassignment_count":"10"}}}`,
		"sysparm_count=true&sysparm_group_by=state":                                                                  `[{"groupby_fields":[{"field":"state","value":"1"}],"stats":{"count":"2"}},{"groupby_fields":[{"field":"state","value":"2"}],"stats":{"count":"2"}}]`,
		"sysparm_sum_fields=reassignment_count&sysparm_group_by=state&sysparm_order_by=SUM^reassignment_count":       `[{"groupby_fields":[{"field":"state","value":"2"}],"stats":{"sum":{"reassignment_count":"3"}}},{"groupby_fields":[{"field":"state","value":"1"}],"stats":{"sum":{"reassignment_count":"7"}}}]`,
		"sysparm_count=true&sysparm_group_by=state&sysparm_order_by=state^DESC":                                      `[{"groupby_fields":[{"field":"state","value":"2"}],"stats":{"count":"2"}},{"groupby_fields":[{"field":"state","value":"1"}],"stats":{"count":"2"}}]`,
		"sysparm_count=true&sysparm_group_by=priority&sysparm_order_by=COUNT^DESC":                                   `[{"groupby_fields":[{"field":"priority","value":"3"}],"stats":{"count":"2"}},{"groupby_fields":[{"field":"priority","value":"1"}],"stats":{"count":"1"}},{"groupby_fields":[{"field":"priority","value":"4"}],"stats":{"count":"1"}}]`,
		"sysparm_count=true&sysparm_group_by=priority&sysparm_having=count^priority^>^1":                             `[{"groupby_fields":[{"field":"priority","value":"3"}],"stats":{"count":"2"}}]`,
		"sysparm_count=true&sysparm_group_by=priority&sysparm_having=count^priority^=^1,max^reassignment_count^<=^0": `[{"groupby_fields":[{"field":"priority","value":"4"}],"stats":{"count":"1"}}]`,
		"sysparm_count=true&sysparm_group_by=state,priority&sysparm_having=avg^reassignment_count^>=^2":              `[{"groupby_fields":[{"field":"state","value":"1"},{"field":"priority","value":"3"}],"stats":{"count":"1"}},{"groupby_fields":[{"field":"state","value":"2"},{"field":"priority","value":"3"}],"stats":{"count":"1"}}]`,
		"sysparm_count=true&sysparm_group_by=state&sysparm_display_value=true":                                       `[{"groupby_fields":[{"field":"state","value":"New"}],"stats":{"count":"2"}},{"groupby_fields":[{"field":"state","value":"In Progress"}],"stats":{"count":"2"}}]`,
		"sysparm_count=true&sysparm_group_by=assigned_to.user_name":                                                  `[{"groupby_fields":[{"field":"assigned_to.user_name","value":""}],"stats":{"count":"1"}},{"groupby_fields":[{"field":"assigned_to.user_name","value":"alice"}],"stats":{"count":"2"}},{"groupby_fields":[{"field":"assigned_to.user_name","value":"trent"}],"stats":{"count":"1"}}]`,
		"sysparm_group_by=state": `[{"groupby_fields":[{"field":"state","value":"1"}],"stats":{}},{"groupby_fields":[{"field":"state","value":"2"}],"stats":{}}]`,
		"sysparm_count=true&sysparm_group_by=nosuch&sysparm_avg_fields=nosuch": `{"stats":{"count":"4"}}`,
	} {
		r := a.want(200, "GET", "/api/now/stats/incident?"+query+own, "")
		if got := strings.TrimSpace(r.body); got != `{"result":`+want+`}` {
			t.Errorf("%s:\n got %s\nwant %s", query, got, want)
		}
	}
	r := a.want(200, "GET", "/api/now/stats/incident?sysparm_count=true&sysparm_group_by=assigned_to&sysparm_display_value=all"+own, "")
	var shown []string
	for _, row := range r.rows() {
		f := row["groupby_fields"].([]any)[0].(map[string]any)
		shown = append(shown, f["display_value"].(string))
		if v := f["value"].(string); (v == "") != (f["display_value"] == "") || v != "" && len(v) != 32 {
			t.Errorf("%v", f)
		}
	}
	if strings.Join(shown, "|") != "|Alice Adams|Trent Turner" {
		t.Errorf("%q", shown)
	}
	for query, want := range map[string]string{
		"sysparm_count=true&sysparm_query=number=none":                                                                                `{"stats":{"count":"0"}}`,
		"sysparm_count=true&sysparm_group_by=state&sysparm_query=number=none":                                                         `[]`,
		"sysparm_avg_fields=reassignment_count&sysparm_query=number=none":                                                             `{"stats":{"avg":{"reassignment_count":""}}}`,
		"sysparm_count=true&sysparm_group_by=state&sysparm_query=" + url.QueryEscape("number=INC9000001^ORnumber=INC9000003^state=2"): `[{"groupby_fields":[{"field":"state","value":"2"}],"stats":{"count":"1"}}]`,
	} {
		if r := a.want(200, "GET", "/api/now/stats/incident?"+query, ""); strings.TrimSpace(r.body) != `{"result":`+want+`}` {
			t.Errorf("%s: %s", query, r.body)
		}
	}
}
