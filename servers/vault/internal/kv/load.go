package kv

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/settings"
)

// Load seeds a mount with its secrets.
func (b *Backend) Load(s *core.Server, m *core.Mount, in settings.Mount) error {
	if in.Type != "kv" {
		return nil
	}
	version := max(in.Version, 1)
	if version == 2 {
		m.Options = map[string]string{"version": strconv.Itoa(version)}
	}
	for i, secret := range in.Secrets {
		if err := b.loadSecret(s, m, version, secret); err != nil {
			return fmt.Errorf("secrets[%d] (%s): %w", i, secret.Path, err)
		}
	}
	return nil
}

func (b *Backend) loadSecret(s *core.Server, m *core.Mount, version int, in settings.Secret) error {
	if in.Account != "" {
		if _, known := s.World.AccountByID(in.Account); !known {
			return fmt.Errorf("account: there is no account %q; name it as name@asset", in.Account)
		}
	}
	contents := in.Versions
	if len(contents) == 0 {
		contents = []map[string]any{in.Data}
	}
	if len(in.Versions) > 0 && version == 1 {
		return fmt.Errorf("versions: this is kv version 1, which keeps one")
	}
	var raws []json.RawMessage
	for _, data := range contents {
		if data == nil {
			data = map[string]any{}
		}
		raw, err := json.Marshal(data)
		if err != nil {
			return err
		}
		raws = append(raws, raw)
	}
	key := m.UUID + "/" + strings.Trim(in.Path, "/")
	if version == 1 {
		v := &kvData{Data: raws[0], Account: in.Account}
		for _, name := range []string{"lease", "ttl"} {
			if d, err := core.ParseDuration(jsonValue(in.Data[name])); err == nil && d > 0 {
				v.Lasts = d
			}
		}
		b.kv1.Seed(key, v)
		return nil
	}
	sec := &kvSecret{Created: s.Started, Updated: s.Started, Current: len(raws), Custom: in.Metadata, Account: in.Account}
	for i, raw := range raws {
		sec.Versions = append(sec.Versions, kvVersion{N: i + 1, Data: raw, Created: s.Started})
	}
	b.kv2.Seed(key, sec)
	return nil
}

// jsonValue is a value of the seed as a body would bring it.
func jsonValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return v
	}
	return json.Number(fmt.Sprint(v))
}
