package vault_test

import (
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
	"counterpart/servers"
)

func TestASeededTokenThatWasRevokedStaysDead(t *testing.T) {
	f, v := vaultOf(t, "tokens: [{id: app-token, policies: [readers]}]")
	v.says(t, "@app-token GET kv1/a", 200)
	v.says(t, `POST auth/token/revoke {"token":"app-token"}`, 204)
	v.says(t, "@app-token GET kv1/a", 403)
	f.Clock.Advance(72 * time.Hour) // the record of the revocation is gone
	v.says(t, "@app-token GET kv1/a", 403)
}

func TestTwoVaultsOfAFleetKnowOnlyTheirOwnTokens(t *testing.T) {
	f := dialecttest.Run(t, servers.Table(), `{version: 1, organization: {name: Acme, domain: acme.test, netbios: ACME}, servers: [
		{kind: vault, name: one, token: root, mounts: [{path: kv1, type: kv, secrets: [{path: a, data: {of: one}}]}]},
		{kind: vault, name: two, token: root, mounts: [{path: kv1, type: kv, secrets: [{path: a, data: {of: two}}]}]}]}`)
	one, two := newPeer("http://"+f.Addr("one/http")), newPeer("http://"+f.Addr("two/http"))
	one.says(t, "GET kv1/a", 200, `{"of":"one"}`) // each has a root token of that name
	two.says(t, "GET kv1/a", 200, `{"of":"two"}`)
	one.login(t, "tok", `POST auth/token/create {"policies":["root"]}`)
	accessor, _ := one.get(t, "auth.accessor").(string)
	two.says(t, "@"+one.Kept["tok"]+" GET kv1/a", 403)
	two.says(t, `POST auth/token/revoke-accessor {"accessor":"`+accessor+`"}`, 200, "No token found with this accessor")
	one.says(t, "@{{tok}} GET kv1/a", 200)
	one.says(t, `POST auth/token/create {"id":"chosen"}`, 200)
	two.says(t, `POST auth/token/create {"id":"chosen"}`, 200)
}
