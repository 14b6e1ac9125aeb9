package vault

import (
	"net/http"
	"slices"
	"strings"
)

// certEngine is the auth method cert: a client certificate of the fleet's CA.
func certEngine() *engine {
	return newEngine("cert",
		&pathSpec{pattern: "login", name: "login", public: true, login: true, ops: map[operation]handler{opWrite: certLogin}},
		&pathSpec{pattern: "certs", name: "certs", ops: map[operation]handler{opList: func(r *request) (*answer, error) {
			return listKeys(r.users.Names(r.ctx, r.mount.UUID+"/"))
		}}},
		&pathSpec{pattern: "certs/:user", name: "certs", ops: map[operation]handler{opRead: getUser, opWrite: putCert, opDelete: dropUser}},
	)
}

func certLogin(r *request) (*answer, error) {
	if r.http.TLS == nil {
		return nil, bad("tls connection required")
	}
	if len(r.http.TLS.VerifiedChains) == 0 {
		return nil, bad("client certificate must be supplied")
	}
	leaf := r.http.TLS.PeerCertificates[0]
	wanted := r.text("name")
	names, err := r.users.Names(r.ctx, r.mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		role, err := r.users.Get(r.ctx, r.mount.UUID+"/"+name)
		if err != nil {
			return nil, err
		}
		if role == nil || wanted != "" && name != wanted {
			continue
		}
		if len(role.Groups) > 0 && !slices.Contains(role.Groups, leaf.Subject.CommonName) {
			continue
		}
		common := leaf.Subject.CommonName
		return r.login(login{alias: common, owner: common, display: strings.Trim(strings.TrimPrefix(r.mount.Path, "auth/"), "/") + "-" + common,
			metadata: map[string]string{"cert_name": name, "common_name": common, "serial_number": leaf.SerialNumber.String()}, token: role.tokenFields})
	}
	refused := refuse(http.StatusBadRequest, "invalid certificate or no client certificate supplied")
	return nil, refused.because("no role takes the certificate of %s", leaf.Subject)
}

func putCert(r *request) (*answer, error) {
	return nil, r.users.Change(r.ctx, r.userKey(), func(u *authUser, _ bool) error {
		u.Name = r.vars["user"]
		if r.has("allowed_common_names") {
			u.Groups = r.list("allowed_common_names")
		}
		return u.take(r.fields)
	})
}
