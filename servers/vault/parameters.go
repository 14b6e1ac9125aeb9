package vault

import (
	"maps"
	"strings"
)

// unplayed are parameters that a real server has and this one does not read. at is
// the engine and the shape of the path, "*" standing for any; names are separated by
// spaces.
type unplayed struct {
	at, names string
	// harmless is why nothing is lost when the parameter is ignored. Without it, a
	// request that sets the parameter is refused in these words, as a real server
	// refuses what it cannot do, and marked with the feature.
	harmless string
	refusal  func(r *request, name string) error
	feature  string
}

// without is the refusal of a parameter whose effect the caller has no right to.
func without(*request, string) error { return forbidden() }

// unplayedParameters is every parameter of a played path that is not read. A test
// holds it, and what the engines read, against the table of a real server's.
var unplayedParameters = []unplayed{
	{at: "*", names: "read_snapshot_id recover_snapshot_id", feature: "loaded snapshots", refusal: func(*request, string) error {
		return bad("unable to lock snapshot: loaded snapshots not supported")
	}},
	{at: "sys auth/{}", names: "plugin_name", harmless: "it is the name of a type \"plugin\", which is refused"},
	{at: "sys mounts/{}", names: "plugin_name", harmless: "it is the name of a type \"plugin\", which is refused"},
	{at: "sys *", names: "plugin_version external_entropy_access", harmless: "there is one version of each engine, and one source of entropy"},
	{at: "sys capabilities-self", names: "namespace", harmless: "the community edition has no namespaces"},
	{at: "sys plugins/catalog/*", names: "args command download env oci_image runtime sha256 version", harmless: "no plugin can be registered: there is no directory of them"},
	{at: "sys policies/password/{}", names: "entropy_source", feature: "other sources of entropy", refusal: without},
	{at: "identity lookup/group", names: "alias_id alias_name alias_mount_accessor", feature: "identity/group-alias", refusal: without},
	{at: "sys leases*", names: "include_child_namespaces limit", harmless: "there are no namespaces, and no leases that cannot be revoked"},
	{at: "sys internal/specs/openapi", names: "context", harmless: "it names operations in the document for a generator"},
	{at: "sys *", names: "sync", harmless: "leases are always revoked before the answer"},
	{at: "auth/ldap config", names: unsearched, harmless: "the company is the directory: nobody binds or searches"},
	{at: "auth/ldap config", names: "case_sensitive_names username_as_alias", feature: "ldap: names that depend on case", refusal: whenTrue},
	{at: "ldap config", names: unsearched + " case_sensitive_names username_as_alias credential_type length max_ttl ttl schema", harmless: "the company is the directory: nobody binds or searches"},
	{at: "ad config", names: unsearched + " case_sensitive_names username_as_alias formatter length last_rotation_tolerance", harmless: "the company is the directory: nobody binds or searches"},
	{at: "* config", names: "disable_automated_rotation rotation_url", harmless: "nothing rotates by itself"},
	{at: "* config", names: "rotation_period rotation_schedule rotation_window", feature: "automated rotation of root credentials", refusal: enterpriseRotation},
	{at: "* config", names: "password_policy", feature: "password policies of engines", refusal: without},
	{at: "* config", names: "skip_static_role_import_rotation", feature: "ldap: static roles without a first rotation by default", refusal: whenTrue},
	{at: "database config/{}", names: "password_policy", feature: "password policies of engines", refusal: without},
	{at: "database config/{}", names: "rotation_period rotation_schedule rotation_window", feature: "automated rotation of root credentials", refusal: enterpriseRotation},
	{at: "database config/{}", names: "disable_automated_rotation", harmless: "nothing rotates by itself"},
	{at: "database roles/{}", names: "credential_config", feature: otherCredentials, refusal: without},
	{at: "database static-roles/{}", names: "credential_config", feature: otherCredentials, refusal: without},
	{at: "database static-roles/{}", names: "rotation_schedule", feature: "database static roles with schedules", refusal: func(r *request, name string) error {
		if r.has("rotation_period") || len(strings.Fields(r.text(name))) != 5 {
			return nil // which the engine refuses in its own words
		}
		return forbidden()
	}},
	{at: "database config/{}", names: "auth_type disable_escaping max_connection_lifetime max_idle_connections max_open_connections password self_managed service_account_json " +
		"tls_ca tls_certificate_key use_private_ip use_psc username", harmless: "no database is opened; they are kept and shown"},
	{at: "database static-roles/{}", names: "self_managed_password", harmless: "no database is opened with it"},
	{at: "ssh config/ca", names: "managed_key_id managed_key_name", feature: "managed keys", refusal: func(*request, string) error {
		return faulty("error retrieving public key: managed keys are supported within enterprise edition only")
	}},
	{at: "ssh roles/{}", names: "allow_empty_principals allowed_domains_template allowed_users_template default_extensions_template default_user_template",
		feature: "ssh roles: templates and empty principals", refusal: whenTrue},
	{at: "ssh roles/{}", names: "allowed_user_key_lengths key_id_format", feature: "ssh roles: key lengths and key IDs", refusal: without},
	{at: "ssh roles/{}", names: "algorithm_signer", feature: "ssh roles: other signatures than rsa-sha2-256", refusal: func(r *request, name string) error {
		if v := r.text(name); v != "default" && v != "rsa-sha2-256" {
			return forbidden()
		}
		return nil
	}},
	{at: "auth/cert certs/{}", names: "certificate", harmless: "the fleet's CA stands for it"},
	{at: "auth/cert certs/{}", names: "display_name", harmless: "it is a name to be shown"},
	{at: "auth/cert certs/{}", names: "allowed_names allowed_dns_sans allowed_email_sans allowed_uri_sans allowed_organizational_units allowed_organizations " +
		"allowed_metadata_extensions required_extensions", feature: "cert: constraints on other parts than the common name", refusal: without},
	{at: "auth/cert certs/{}", names: "ocsp_enabled ocsp_query_all_servers", feature: "cert: OCSP", refusal: whenTrue},
	{at: "auth/cert certs/{}", names: "ocsp_ca_certificates ocsp_fail_open ocsp_max_retries ocsp_servers_override ocsp_this_update_max_age",
		harmless: "OCSP is refused"},
	{at: "transit keys/{}", names: "hybrid_key_type_ec hybrid_key_type_pqc managed_key_id managed_key_name", harmless: "of key types that are refused"},
	{at: "transit keys/{}/rotate", names: "managed_key_id managed_key_name", harmless: "of key types that are refused"},
	{at: "transit verify/{}*", names: "mac_length", harmless: "of CMAC, which is refused"},
}

// unsearched are parameters about a connection to a directory, and about what is
// looked for there. They are kept and shown.
const unsearched = "anonymous_group_search binddn bindpass certificate client_tls_cert client_tls_key connection_timeout deny_null_bind dereference_aliases discoverdn " +
	"enable_samaccountname_login groupattr groupdn groupfilter insecure_tls max_page_size request_timeout starttls tls_max_version tls_min_version upndomain url " +
	"use_pre111_group_cn_behavior use_token_groups userattr userdn userfilter"

// whenTrue refuses a parameter that switches something on.
func whenTrue(r *request, name string) error {
	if on, err := r.flag(name, false); err != nil || !on {
		return err
	}
	return forbidden()
}

// enterpriseRotation refuses what the enterprise edition's rotation manager does.
func enterpriseRotation(r *request, name string) error {
	if v := r.text(name); v == "" || v == "0" {
		return nil
	}
	if name == "rotation_window" && !r.has("rotation_schedule") {
		return faulty("cannot use rotation_window without rotation_schedule")
	}
	return bad("error registering rotation job: error registering rotation job: rotation manager capabilities not supported in Vault community edition")
}

// covers reports that the rule is about paths of a shape of an engine.
func (u *unplayed) covers(engine, shape string) bool {
	at, path, both := strings.Cut(u.at, " ")
	if at != "*" && at != engine {
		return false
	}
	if prefix, open := strings.CutSuffix(path, "*"); open {
		return strings.HasPrefix(shape, prefix)
	}
	return !both || path == shape
}

// about reports that the rule is about the parameter.
func (u *unplayed) about(name string) bool {
	for word := range strings.FieldsSeq(u.names) {
		if word == name {
			return true
		}
	}
	return false
}

// unplayedParameter refuses a request that sets a parameter which is known and not
// played, unless nothing is lost by ignoring it.
func (r *request) unplayedParameter(p *pathSpec) error {
	e := r.engines[r.mount.engine()]
	k := p.known(&r.described, e)
	shape := p.shape()
	sent := r.raw
	if r.http.URL.RawQuery != "" && r.op == opWrite { // where it is the only parameter in the URL
		sent = maps.Clone(r.raw)
		if id := r.http.URL.Query().Get("recover_snapshot_id"); id != "" && sent == nil {
			sent = map[string]any{"recover_snapshot_id": id}
		} else if id != "" {
			sent["recover_snapshot_id"] = id
		}
	}
	for name, value := range sent {
		if _, known := k.fields[name]; !known || empty(value) {
			continue
		}
		for i := range unplayedParameters {
			u := &unplayedParameters[i]
			if u.refusal == nil || !u.covers(e.at, shape) || !u.about(name) {
				continue
			}
			if err := u.refusal(r, name); err != nil {
				r.call.NotPlayed(u.feature)
				return err
			}
		}
	}
	return nil
}

// empty reports a value that asks for nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
