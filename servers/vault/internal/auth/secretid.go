package auth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
	"counterpart/servers/vault/internal/core"
)

// secretID is a secret ID of a role; its record is named by its hash.
type secretID struct {
	Role     string            `json:"role"`
	Born     string            `json:"born,omitempty"` // of the role
	Accessor string            `json:"accessor"`
	Made     time.Time         `json:"made"`
	Updated  time.Time         `json:"updated"`
	Expires  time.Time         `json:"expires,omitzero"`
	Uses     int               `json:"uses"` // left; 0: without limit
	Spent    bool              `json:"spent,omitempty"`
	TTL      time.Duration     `json:"ttl,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	CIDRs    []string          `json:"cidrs,omitempty"`
	Bound    []string          `json:"bound,omitempty"`
}

// accessorKey leads from a secret ID's accessor to it.
func accessorKey(mount, accessor string) string { return mount + "/" + accessor }

// of reports a secret ID of the role, and not of an earlier one with its name.
func (s *secretID) of(role *appRole) bool { return s.Role == role.Name && s.Born == role.Born }

// useSecretID takes one use of a secret ID.
func (b *Backend) useSecretID(r *core.Request, role *appRole, secret string, refused *core.Refusal) (used secretID, err error) {
	key := core.SecretKey(r.Mount.UUID, secret)
	err = b.secrets.Edit(r.Ctx, key, func(s *secretID, found bool) (time.Time, error) {
		switch {
		case !found || !s.of(role):
			return time.Time{}, &core.WrongPassword{Refusal: refused.Because("role %s has no such secret ID", role.Name)}
		case !r.SourceIn(s.CIDRs):
			return time.Time{}, core.BadRequest("source address %q unauthorized through CIDR restrictions on the secret ID", r.Source())
		case s.Spent:
			return time.Time{}, &core.WrongPassword{Refusal: refused.Because("the secret ID has no uses left")}
		case !s.Expires.IsZero() && !r.Clock.Now().Before(s.Expires):
			return time.Time{}, &core.WrongPassword{Refusal: refused.Because("the secret ID expired at %s", core.FormatTime(s.Expires))}
		}
		used = *s
		if s.Uses == 0 {
			return time.Time{}, state.ErrKeep
		}
		if s.Uses--; s.Uses > 0 {
			return s.Expires, nil
		}
		s.Spent = true
		if b.secrets.OfSeed(key) != nil { // it must not come back from the seed
			return time.Time{}, nil
		}
		return r.Clock.Now().Add(core.Remembered), nil
	})
	if err == nil && used.Uses == 1 {
		_, err = b.secretNames.Delete(r.Ctx, accessorKey(r.Mount.UUID, used.Accessor))
	}
	return used, err
}

func (b *Backend) newSecretID(r *core.Request) (*core.Answer, error) {
	role, err := b.role(r, noRole(r))
	if err != nil {
		return nil, err
	}
	if !role.Bind {
		return nil, core.BadRequest("bind_secret_id is not set on the role")
	}
	s := secretID{Role: role.Name, Born: role.Born, Accessor: ids.UUID(r.Rand), Made: r.Clock.Now(), Uses: role.NumUses, TTL: role.SecretTTL,
		CIDRs: r.List("cidr_list"), Bound: r.List("token_bound_cidrs")}
	s.Updated = s.Made
	if err := core.CheckNetworks(s.CIDRs); err != nil {
		return nil, err
	}
	if len(role.CIDRs) > 0 && !core.InNetworks(s.CIDRs, role.CIDRs) {
		return nil, core.Faulty(fmt.Sprintf("failed to verify subset relationship between CIDR blocks on the role %q and CIDR blocks on the secret ID %q: %%!w(<nil>)", role.CIDRs, s.CIDRs))
	}
	if _, err := core.ParseCIDRs(s.Bound); err != nil {
		return nil, core.BadRequest("%s", err)
	}
	if r.Has("ttl") {
		if s.TTL, err = r.Duration("ttl"); err != nil {
			return nil, err
		}
		if role.SecretTTL > 0 && (s.TTL == 0 || s.TTL > role.SecretTTL) {
			return nil, core.BadRequest("ttl cannot be longer than the role's secret_id_ttl")
		}
	}
	if s.Uses, err = r.Int("num_uses", s.Uses); err != nil {
		return nil, err
	}
	if s.Uses < 0 || role.NumUses > 0 && (s.Uses == 0 || s.Uses > role.NumUses) {
		return nil, core.BadRequest("num_uses cannot be higher than the role's secret_id_num_uses")
	}
	if text := r.Text("metadata"); text != "" {
		if err := json.Unmarshal([]byte(text), &s.Metadata); err != nil {
			return nil, core.BadRequest("failed to parse metadata: failed to parse the input: invalid <key,value> format")
		}
	}
	if s.TTL > 0 {
		s.Expires = s.Made.Add(s.TTL)
	}
	secret := r.Text("secret_id")
	if secret == "" {
		if strings.HasSuffix(r.Rest, "custom-secret-id") {
			return nil, core.BadRequest("missing secret_id")
		}
		secret = ids.UUID(r.Rand)
	}
	key := core.SecretKey(r.Mount.UUID, secret)
	// The accessor comes first: one that leads nowhere harms nobody.
	err = b.secretNames.Edit(r.Ctx, accessorKey(r.Mount.UUID, s.Accessor), func(v *string, _ bool) (time.Time, error) {
		*v = key
		return s.Expires, nil
	})
	if err != nil {
		return nil, err
	}
	err = b.secrets.Edit(r.Ctx, key, func(v *secretID, found bool) (time.Time, error) {
		if found {
			return time.Time{}, core.Faulty("failed to store secret_id: SecretID is already registered")
		}
		*v = s
		return s.Expires, nil
	})
	if err != nil {
		b.secretNames.Delete(r.Ctx, accessorKey(r.Mount.UUID, s.Accessor))
		return nil, err
	}
	data := map[string]any{"secret_id": secret, "secret_id_accessor": s.Accessor}
	if !r.Flavour.Old {
		data["secret_id_num_uses"], data["secret_id_ttl"] = s.Uses, int64(s.TTL/time.Second)
	}
	return core.OK(data)
}

// secretNamed is the record of the secret ID that the request names, by itself or
// by its accessor.
func (b *Backend) secretNamed(r *core.Request) (key string, s *secretID, err error) {
	if secret := r.Text("secret_id"); secret != "" {
		key = core.SecretKey(r.Mount.UUID, secret)
	} else if accessor := r.Text("secret_id_accessor"); accessor != "" {
		k, err := b.secretNames.Get(r.Ctx, accessorKey(r.Mount.UUID, accessor))
		if err != nil || k == nil {
			return "", nil, err
		}
		key = *k
	} else {
		what := "secret_id"
		if strings.Contains(r.Rest, "secret-id-accessor") {
			what = "secret_id_accessor"
		}
		return "", nil, core.BadRequest("missing %s", what)
	}
	s, err = b.secrets.Get(r.Ctx, key)
	if err != nil || s == nil || s.Spent {
		return key, nil, err
	}
	role, err := b.approles.Get(r.Ctx, appRoleKey(r))
	if err != nil || role == nil || !s.of(role) {
		return key, nil, err
	}
	return key, s, nil
}

func (b *Backend) lookupSecretID(r *core.Request) (*core.Answer, error) {
	if _, err := b.role(r, noRole(r)); err != nil {
		return nil, err
	}
	_, s, err := b.secretNamed(r)
	if err != nil {
		return nil, err
	}
	if s == nil {
		if strings.Contains(r.Rest, "secret-id-accessor") {
			return nil, core.NotFoundWith(&core.Answer{Data: map[string]any{"error": fmt.Sprintf("failed to find accessor entry for secret_id_accessor: %q", r.Text("secret_id_accessor"))}})
		}
		return nil, nil
	}
	expires := core.FormatTime(time.Time{})
	if !s.Expires.IsZero() {
		expires = core.FormatTime(s.Expires)
	}
	metadata := s.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return core.OK(map[string]any{"cidr_list": append([]string{}, s.CIDRs...), "creation_time": core.FormatTime(s.Made), "expiration_time": expires,
		"last_updated_time": core.FormatTime(s.Updated), "metadata": metadata, "secret_id_accessor": s.Accessor, "secret_id_num_uses": s.Uses,
		"secret_id_ttl": int64(s.TTL / time.Second), "token_bound_cidrs": append([]string{}, s.Bound...)})
}

func (b *Backend) destroySecretID(r *core.Request) (*core.Answer, error) {
	if _, err := b.role(r, noRole(r)); err != nil {
		return nil, err
	}
	key, s, err := b.secretNamed(r)
	if err == nil && s == nil && strings.Contains(r.Rest, "secret-id-accessor") {
		err = core.Faulty(fmt.Sprintf("failed to find accessor entry for secret_id_accessor: %q", r.Text("secret_id_accessor")))
	}
	if err != nil || s == nil {
		return nil, err
	}
	return nil, b.dropSecretID(r, key, s.Accessor)
}

func (b *Backend) dropSecretID(r *core.Request, key, accessor string) error {
	if _, err := b.secrets.Delete(r.Ctx, key); err != nil {
		return err
	}
	_, err := b.secretNames.Delete(r.Ctx, accessorKey(r.Mount.UUID, accessor))
	return err
}

// dropSecretIDs ends all secret IDs of a role.
func (b *Backend) dropSecretIDs(r *core.Request, role string) error {
	return b.eachSecretID(r, role, func(key string, s *secretID) error { return b.dropSecretID(r, key, s.Accessor) })
}

// eachSecretID visits the secret IDs of a role.
func (b *Backend) eachSecretID(r *core.Request, role string, visit func(key string, s *secretID) error) error {
	for s, err := range b.secretsOf.All(r.Ctx, role, r.Mount.UUID) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(s.Key, r.Mount.UUID+"/") { // that is another mount's role, and so are all behind it
			return nil
		}
		if err := visit(s.Key, s.Value); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backend) listSecretIDs(r *core.Request) (*core.Answer, error) {
	role, err := b.role(r, core.BadRequest("role %q does not exist", r.Vars["role"]))
	if err != nil {
		return nil, err
	}
	var out []string
	err = b.eachSecretID(r, role.Name, func(_ string, s *secretID) error {
		if !s.Spent && s.of(role) {
			out = append(out, s.Accessor)
		}
		return nil
	})
	return core.ListKeys(out, err)
}
