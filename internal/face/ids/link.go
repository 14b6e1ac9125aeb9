package ids

import "net/http"

// Base is the address by which a client has reached a server, for absolute links in
// answers: scheme, host and port as the request has them, and the server's context path
// ("/jira", or nothing).
func Base(r *http.Request, context string) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + context
}
