package vault_test

import (
	"testing"
	"time"

	"counterpart/internal/steering/dialecttest"
)

// TestWhatATokenMayDoIsNeverStale: the server remembers what tokens come to; whatever
// changes that counts for the very next request. Each row uses a token until it is
// remembered, changes something and uses it again.
func TestWhatATokenMayDoIsNeverStale(t *testing.T) {
	const before, read = 200, "@{{tok}} GET kv1/a"
	says := func(lines ...string) func(*testing.T, *dialecttest.Fleet, *peer) {
		return func(t *testing.T, _ *dialecttest.Fleet, v *peer) {
			for _, line := range lines {
				v.ask(t, line)
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *dialecttest.Fleet, *peer)
		after  int
	}{
		{"nothing", says(), 200},
		{"somebody else logs in", says(`@none POST auth/userpass/login/alice {"password":"Alice-Pass-1"}`), 200},
		{"it is revoked", says(`POST auth/token/revoke {"token":"{{tok}}"}`), 403},
		{"it revokes itself", says("@{{tok}} POST auth/token/revoke-self"), 403},
		{"it is revoked by its accessor", says(`POST auth/token/revoke-accessor {"accessor":"{{acc}}"}`), 403},
		{"it expires", func(_ *testing.T, f *dialecttest.Fleet, _ *peer) { f.Clock.Advance(769 * time.Hour) }, 403},
		{"its entity is disabled", says(`POST identity/entity/id/{{who}} {"disabled":true}`), 403},
		{"its entity is deleted", says("DELETE identity/entity/id/{{who}}"), 403},
		{"its entity is disabled and enabled", says(`POST identity/entity/id/{{who}} {"disabled":true}`, read, `POST identity/entity/id/{{who}} {"disabled":false}`), 200},
		{"its policy is written", says(`PUT sys/policies/acl/r {"policy":"path \"kv1/b\" { capabilities = [\"read\"] }"}`), 403},
		{"its policy is deleted", says("DELETE sys/policies/acl/r"), 403},
		{"its policy is deleted and written", says("DELETE sys/policies/acl/r", read, `PUT sys/policies/acl/r {"policy":"path \"kv1/*\" { capabilities = [\"read\"] }"}`), 200},
		{"its entity gets a policy that denies", says(`PUT sys/policies/acl/no {"policy":"path \"kv1/a\" { capabilities = [\"deny\"] }"}`,
			`POST identity/entity/id/{{who}} {"policies":["no"]}`), 403},
		{"a policy of its that was not there is written", says(`PUT sys/policies/acl/later {"policy":"path \"kv1/a\" { capabilities = [\"deny\"] }"}`), 403},
		{"the secret is deleted", says("DELETE kv1/a"), 404},
		{"the mount goes", says("DELETE sys/mounts/kv1"), 404},
		{"the node is sealed", says("PUT sys/seal"), 503},
		{"the world starts again", func(t *testing.T, f *dialecttest.Fleet, _ *peer) {
			if err := f.Reset(t.Context()); err != nil {
				t.Error(err)
			}
		}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, v := vaultOf(t, "")
			v.says(t, `PUT sys/policies/acl/r {"policy":"path \"kv1/*\" { capabilities = [\"read\"] }"}`, 204)
			v.says(t, `POST auth/userpass/users/local {"token_policies":["r","later"]}`, 204)
			v.says(t, `POST kv1/a {"k":1}`, 204)
			v.login(t, "tok", `@none POST auth/userpass/login/local {"password":"pw"}`)
			v.says(t, "@{{tok}} GET auth/token/lookup-self", 200)
			v.Kept["acc"], _ = v.get(t, "data.accessor").(string)
			v.Kept["who"], _ = v.get(t, "data.entity_id").(string)
			for range 3 {
				v.says(t, read, before)
			}
			c.change(t, f, v)
			v.says(t, read, c.after)
		})
	}
}
