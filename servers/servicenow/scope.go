package servicenow

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"counterpart/internal/serving/dialect"
)

// foreign are the operations of an instance that are known and not played, by path:
// ":x" is any one part, "..." any rest.
var foreign = []struct{ path, name, doc string }{
	{"/api/now/import/...", "Import Set API", "rows for staging tables, with their transform maps"},
	{"/api/now/cmdb/instance/...", "CMDB Instance API", "configuration items with their relations"},
	{"/api/now/cmdb/meta/...", "CMDB Meta API", "what classes of the CMDB look like"},
	{"/api/now/identifyreconcile/...", "Identification and Reconciliation API", "configuration items found by rules"},
	{"/api/now/attachment/:id/attributes/...", "Attachment API: attributes", "attributes of attachments"},
	{"/api/now/email/...", "Email API", "mail that an instance sends"},
	{"/api/now/pa/...", "Performance Analytics API", "scorecards"},
	{"/api/now/clotho/...", "MetricBase Time Series API", "time series"},
	{"/api/now/scim/...", "SCIM API", "provisioning of users and groups"},
	{"/api/now/contact/...", "Contact API", "contacts of customer service"},
	{"/api/now/account/...", "Account API", "accounts of customer service"},
	{"/api/now/connect/...", "Connect API", "conversations"},
	{"/api/now/ui/...", "UI APIs", "what the instance's own pages ask for"},
	{"/api/now/doc/...", "OpenAPI documents", "descriptions of the APIs"},
	{"/api/sn_sc/...", "Service Catalog API", "catalog items, carts and orders"},
	{"/api/sn_km_api/...", "Knowledge Management API", "articles"},
	{"/api/sn_cicd/...", "CI/CD API", "applications, plugins and test suites"},
	{"/api/sn_em_connector/...", "Event Management connector API", "events of monitoring"},
	{"/api/global/em/...", "Event Management API", "events of monitoring"},
	{"/api/sn_chg_rest/change/:id/task/...", "Change Management API: tasks", "tasks of a change; the table change_task is played"},
	{"/api/sn_chg_rest/change/:id/ci/...", "Change Management API: configuration items", "what a change affects"},
	{"/api/sn_chg_rest/change/:id/conflict/...", "Change Management API: conflicts", "changes at the same time"},
	{"/api/sn_chg_rest/change/:id/schedule/...", "Change Management API: schedule", "free time slots"},
	{"/api/sn_chg_rest/change/:id/risk/...", "Change Management API: risk", "the risk of a standard change"},
	{"/api/sn_chg_rest/change/:id/refresh_impacted_services/...", "Change Management API: impacted services", "services that a change touches"},
	{"/api/sn_chg_rest/change/normal/...", "Change Management API: normal", "normal changes by a path of their own"},
	{"/api/sn_chg_rest/change/standard/...", "Change Management API: standard", "standard changes and their templates"},
	{"/api/sn_chg_rest/change/emergency/...", "Change Management API: emergency", "emergency changes by a path of their own"},
	{"/api/sn_chg_rest/change/model/...", "Change Management API: models", "change models; the table chg_model is played"},
	{"/api/sn_chg_rest/change/worker/...", "Change Management API: workers", "results of what runs in the background"},
	{"/oauth_auth.do", "OAuth authorization endpoint", "the grant authorization_code"},
	{"/oauth_revoke_token.do", "OAuth revocation", "the end of a token"},
}

// formats are ways to ask a page for data, by query: /incident.do?SOAP.
var formats = map[string]string{"SOAP": "SOAP web service", "WSDL": "SOAP web service", "JSONv2": "JSONv2 web service", "CSV": "CSV web service", "XML": "XML web service", "UNL": "XML web service", "EXCEL": "Excel web service", "PDF": "PDF web service"}

// foreignOf finds what an unplayed path asks for.
func (s *Server) foreignOf(path string, query map[string][]string) (string, bool) {
	path = strings.TrimPrefix(path, s.settings.PathPrefix)
	for _, version := range []string{"/v1/", "/v2/"} { // of the API's name space
		if parts := strings.SplitN(path, "/", 5); len(parts) == 5 && "/"+parts[3]+"/" == version {
			path = strings.Join(append(parts[:3:3], parts[4]), "/")
		}
	}
	for _, f := range foreign {
		prefix, open := strings.CutSuffix(f.path, "/...")
		want, got := strings.Split(prefix, "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
		if len(got) < len(want) || len(got) > len(want) && !open {
			continue
		}
		if fits(prefix, strings.Join(got[:len(want)], "/")) {
			return f.name, true
		}
	}
	if strings.HasSuffix(path, ".do") {
		for _, format := range slices.Sorted(maps.Keys(formats)) {
			if _, asked := query[format]; asked {
				return formats[format], true
			}
		}
	}
	return "", false
}

// foreignCall refuses an operation that is known and not played, as an instance
// refuses a user whom no ACL lets in.
func (s *Server) foreignCall(call *dialect.Call, feature string) error {
	call.NotPlayed(feature)
	return &failure{Cause: closedTable, why: feature + " is not played"}
}

// Scope is what this server plays of an instance, and what it knows besides.
func Scope() dialect.Scope {
	s := dialect.Scope{Unplayed: []dialect.Feature{}}
	for _, r := range (&Server{}).routes() {
		if r.Method == http.MethodHead || strings.Contains(r.Path, "/v1/") || strings.Contains(r.Path, "/v2/") {
			continue
		}
		s.Plays = append(s.Plays, r.Name())
	}
	s.Plays = append(append(s.Plays, "oauth.token"), slices.Sorted(maps.Keys(documented))...) // by these names once it is known what is asked for
	for _, f := range foreign {
		s.Unplayed = append(s.Unplayed, dialect.Feature{Name: f.name, Doc: f.doc})
	}
	seen := map[string]bool{}
	for _, format := range slices.Sorted(maps.Keys(formats)) {
		if name := formats[format]; !seen[name] {
			seen[name] = true
			s.Unplayed = append(s.Unplayed, dialect.Feature{Name: name, Doc: "what a page answers with ?" + format})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unplayedParameters)) {
		s.Unplayed = append(s.Unplayed, dialect.Feature{Name: name, Doc: unplayedParameters[name]})
	}
	return s
}
