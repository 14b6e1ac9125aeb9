package auth

import (
	"net/http"
	"slices"
	"strings"

	"counterpart/servers/vault/internal/core"
)

// Cert is the auth method cert: a client certificate of the fleet's CA.
func (b *Backend) Cert() *core.Engine {
	return core.NewEngine("cert",
		&core.Path{Pattern: "login", Name: "login", Public: true, Login: true, Ops: map[core.Operation]core.Handler{core.OpWrite: b.certLogin}},
		&core.Path{Pattern: "certs", Name: "certs", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.users.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "certs/:user", Name: "certs", Ops: map[core.Operation]core.Handler{core.OpRead: b.getUser, core.OpWrite: b.putCert, core.OpDelete: b.dropUser}},
	)
}

func (b *Backend) certLogin(r *core.Request) (*core.Answer, error) {
	if r.HTTP.TLS == nil {
		return nil, core.BadRequest("tls connection required")
	}
	if len(r.HTTP.TLS.VerifiedChains) == 0 {
		return nil, core.BadRequest("client certificate must be supplied")
	}
	leaf := r.HTTP.TLS.PeerCertificates[0]
	wanted := r.Text("name")
	names, err := b.users.Names(r.Ctx, r.Mount.UUID+"/")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		role, err := b.users.Get(r.Ctx, r.Mount.UUID+"/"+name)
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
		return r.Login(core.Login{Alias: common, Owner: common, Display: strings.Trim(strings.TrimPrefix(r.Mount.Path, "auth/"), "/") + "-" + common,
			Metadata: map[string]string{"cert_name": name, "common_name": common, "serial_number": leaf.SerialNumber.String()}, Token: role.TokenFields})
	}
	refused := core.Refuse(http.StatusBadRequest, "invalid certificate or no client certificate supplied")
	return nil, refused.Because("no role takes the certificate of %s", leaf.Subject)
}

func (b *Backend) putCert(r *core.Request) (*core.Answer, error) {
	return nil, b.users.Change(r.Ctx, userKey(r), func(u *authUser, _ bool) error {
		u.Name = r.Vars["user"]
		if r.Has("allowed_common_names") {
			u.Groups = r.List("allowed_common_names")
		}
		return u.Take(r.Fields)
	})
}
