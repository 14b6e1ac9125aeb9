package vault

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"counterpart/internal/company/state"
	"counterpart/internal/face/ids"
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

// secretKey is the record of a secret ID below a mount.
func secretKey(mount, secret string) string { return mount + "/" + wrapKey(secret) }

// accessorKey leads from a secret ID's accessor to it.
func accessorKey(mount, accessor string) string { return mount + "/" + accessor }

// of reports a secret ID of the role, and not of an earlier one with its name.
func (s *secretID) of(role *appRole) bool { return s.Role == role.Name && s.Born == role.Born }

// useSecretID takes one use of a secret ID.
func (r *request) useSecretID(role *appRole, secret string, refused *refusal) (used secretID, err error) {
	key := secretKey(r.mount.UUID, secret)
	err = r.secrets.Edit(r.ctx, key, func(s *secretID, found bool) (time.Time, error) {
		switch {
		case !found || !s.of(role):
			return time.Time{}, &wrongPassword{refused.because("role %s has no such secret ID", role.Name)}
		case !r.from(s.CIDRs):
			return time.Time{}, bad("source address %q unauthorized through CIDR restrictions on the secret ID", r.source())
		case s.Spent:
			return time.Time{}, &wrongPassword{refused.because("the secret ID has no uses left")}
		case !s.Expires.IsZero() && !r.Clock.Now().Before(s.Expires):
			return time.Time{}, &wrongPassword{refused.because("the secret ID expired at %s", stamp(s.Expires))}
		}
		used = *s
		if s.Uses == 0 {
			return time.Time{}, state.ErrKeep
		}
		if s.Uses--; s.Uses > 0 {
			return s.Expires, nil
		}
		s.Spent = true
		if r.secrets.OfSeed(key) != nil { // it must not come back from the seed
			return time.Time{}, nil
		}
		return r.Clock.Now().Add(remembered), nil
	})
	if err == nil && used.Uses == 1 {
		_, err = r.secretNames.Delete(r.ctx, accessorKey(r.mount.UUID, used.Accessor))
	}
	return used, err
}

func newSecretID(r *request) (*answer, error) {
	role, err := r.role(r.noRole())
	if err != nil {
		return nil, err
	}
	if !role.Bind {
		return nil, bad("bind_secret_id is not set on the role")
	}
	s := secretID{Role: role.Name, Born: role.Born, Accessor: ids.UUID(r.Rand), Made: r.Clock.Now(), Uses: role.NumUses, TTL: role.SecretTTL,
		CIDRs: r.list("cidr_list"), Bound: r.list("token_bound_cidrs")}
	s.Updated = s.Made
	if err := networks(s.CIDRs); err != nil {
		return nil, err
	}
	if len(role.CIDRs) > 0 && !inNetworks(s.CIDRs, role.CIDRs) {
		return nil, faulty(fmt.Sprintf("failed to verify subset relationship between CIDR blocks on the role %q and CIDR blocks on the secret ID %q: %%!w(<nil>)", role.CIDRs, s.CIDRs))
	}
	if _, err := addresses(s.Bound); err != nil {
		return nil, bad("%s", err)
	}
	if r.has("ttl") {
		if s.TTL, err = r.lasts("ttl"); err != nil {
			return nil, err
		}
		if role.SecretTTL > 0 && (s.TTL == 0 || s.TTL > role.SecretTTL) {
			return nil, bad("ttl cannot be longer than the role's secret_id_ttl")
		}
	}
	if s.Uses, err = r.number("num_uses", s.Uses); err != nil {
		return nil, err
	}
	if s.Uses < 0 || role.NumUses > 0 && (s.Uses == 0 || s.Uses > role.NumUses) {
		return nil, bad("num_uses cannot be higher than the role's secret_id_num_uses")
	}
	if text := r.text("metadata"); text != "" {
		if err := json.Unmarshal([]byte(text), &s.Metadata); err != nil {
			return nil, bad("failed to parse metadata: failed to parse the input: invalid <key,value> format")
		}
	}
	if s.TTL > 0 {
		s.Expires = s.Made.Add(s.TTL)
	}
	secret := r.text("secret_id")
	if secret == "" {
		if strings.HasSuffix(r.rest, "custom-secret-id") {
			return nil, bad("missing secret_id")
		}
		secret = ids.UUID(r.Rand)
	}
	key := secretKey(r.mount.UUID, secret)
	// The accessor comes first: one that leads nowhere harms nobody.
	err = r.secretNames.Edit(r.ctx, accessorKey(r.mount.UUID, s.Accessor), func(v *string, _ bool) (time.Time, error) {
		*v = key
		return s.Expires, nil
	})
	if err != nil {
		return nil, err
	}
	err = r.secrets.Edit(r.ctx, key, func(v *secretID, found bool) (time.Time, error) {
		if found {
			return time.Time{}, faulty("failed to store secret_id: SecretID is already registered")
		}
		*v = s
		return s.Expires, nil
	})
	if err != nil {
		r.secretNames.Delete(r.ctx, accessorKey(r.mount.UUID, s.Accessor))
		return nil, err
	}
	data := map[string]any{"secret_id": secret, "secret_id_accessor": s.Accessor}
	if !r.flavour.old {
		data["secret_id_num_uses"], data["secret_id_ttl"] = s.Uses, int64(s.TTL/time.Second)
	}
	return ok(data)
}

// secretNamed is the record of the secret ID that the request names, by itself or
// by its accessor.
func (r *request) secretNamed() (key string, s *secretID, err error) {
	if secret := r.text("secret_id"); secret != "" {
		key = secretKey(r.mount.UUID, secret)
	} else if accessor := r.text("secret_id_accessor"); accessor != "" {
		k, err := r.secretNames.Get(r.ctx, accessorKey(r.mount.UUID, accessor))
		if err != nil || k == nil {
			return "", nil, err
		}
		key = *k
	} else {
		what := "secret_id"
		if strings.Contains(r.rest, "secret-id-accessor") {
			what = "secret_id_accessor"
		}
		return "", nil, bad("missing %s", what)
	}
	s, err = r.secrets.Get(r.ctx, key)
	if err != nil || s == nil || s.Spent {
		return key, nil, err
	}
	role, err := r.approles.Get(r.ctx, r.appRoleKey())
	if err != nil || role == nil || !s.of(role) {
		return key, nil, err
	}
	return key, s, nil
}

func lookupSecretID(r *request) (*answer, error) {
	if _, err := r.role(r.noRole()); err != nil {
		return nil, err
	}
	_, s, err := r.secretNamed()
	if err != nil {
		return nil, err
	}
	if s == nil {
		if strings.Contains(r.rest, "secret-id-accessor") {
			return nil, envelope404(&answer{data: map[string]any{"error": fmt.Sprintf("failed to find accessor entry for secret_id_accessor: %q", r.text("secret_id_accessor"))}})
		}
		return nil, nil
	}
	expires := stamp(time.Time{})
	if !s.Expires.IsZero() {
		expires = stamp(s.Expires)
	}
	metadata := s.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return ok(map[string]any{"cidr_list": append([]string{}, s.CIDRs...), "creation_time": stamp(s.Made), "expiration_time": expires,
		"last_updated_time": stamp(s.Updated), "metadata": metadata, "secret_id_accessor": s.Accessor, "secret_id_num_uses": s.Uses,
		"secret_id_ttl": int64(s.TTL / time.Second), "token_bound_cidrs": append([]string{}, s.Bound...)})
}

func destroySecretID(r *request) (*answer, error) {
	if _, err := r.role(r.noRole()); err != nil {
		return nil, err
	}
	key, s, err := r.secretNamed()
	if err == nil && s == nil && strings.Contains(r.rest, "secret-id-accessor") {
		err = faulty(fmt.Sprintf("failed to find accessor entry for secret_id_accessor: %q", r.text("secret_id_accessor")))
	}
	if err != nil || s == nil {
		return nil, err
	}
	return nil, r.dropSecretID(key, s.Accessor)
}

func (r *request) dropSecretID(key, accessor string) error {
	if _, err := r.secrets.Delete(r.ctx, key); err != nil {
		return err
	}
	_, err := r.secretNames.Delete(r.ctx, accessorKey(r.mount.UUID, accessor))
	return err
}

// dropSecretIDs ends all secret IDs of a role.
func (r *request) dropSecretIDs(role string) error {
	return r.eachSecretID(role, func(key string, s *secretID) error { return r.dropSecretID(key, s.Accessor) })
}

// eachSecretID visits the secret IDs of a role.
func (r *request) eachSecretID(role string, visit func(key string, s *secretID) error) error {
	keys, err := r.secrets.Names(r.ctx, r.mount.UUID+"/")
	if err != nil {
		return err
	}
	for _, k := range keys {
		key := r.mount.UUID + "/" + k
		s, err := r.secrets.Get(r.ctx, key)
		if err != nil {
			return err
		}
		if s == nil || s.Role != role {
			continue
		}
		if err := visit(key, s); err != nil {
			return err
		}
	}
	return nil
}

func listSecretIDs(r *request) (*answer, error) {
	role, err := r.role(bad("role %q does not exist", r.vars["role"]))
	if err != nil {
		return nil, err
	}
	var out []string
	err = r.eachSecretID(role.Name, func(_ string, s *secretID) error {
		if !s.Spent && s.of(role) {
			out = append(out, s.Accessor)
		}
		return nil
	})
	return listKeys(out, err)
}
