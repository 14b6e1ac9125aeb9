package vault

import (
	"strings"

	"counterpart/servers/vault/internal/core"
	"counterpart/servers/vault/internal/database"
)

// without is the refusal of a parameter whose effect the caller has no right to.
func without(*core.Request, string) error { return core.Forbidden() }

// unplayedParameters is every parameter of a played path that is not read. A test
// holds it, and what the engines read, against the table of a real server's.
var unplayedParameters = []core.Unplayed{
	{At: "*", Names: "read_snapshot_id recover_snapshot_id", Feature: "loaded snapshots", Refusal: func(*core.Request, string) error {
		return core.BadRequest("unable to lock snapshot: loaded snapshots not supported")
	}},
	{At: "sys auth/{}", Names: "plugin_name", Harmless: "it is the name of a type \"plugin\", which is refused"},
	{At: "sys mounts/{}", Names: "plugin_name", Harmless: "it is the name of a type \"plugin\", which is refused"},
	{At: "sys *", Names: "plugin_version external_entropy_access", Harmless: "there is one version of each engine, and one source of entropy"},
	{At: "sys capabilities-self", Names: "namespace", Harmless: "the community edition has no namespaces"},
	{At: "sys plugins/catalog/*", Names: "args command download env oci_image runtime sha256 version", Harmless: "no plugin can be registered: there is no directory of them"},
	{At: "sys policies/password/{}", Names: "entropy_source", Feature: "other sources of entropy", Refusal: without},
	{At: "identity lookup/group", Names: "alias_id alias_name alias_mount_accessor", Feature: "identity/group-alias", Refusal: without},
	{At: "sys leases*", Names: "include_child_namespaces limit", Harmless: "there are no namespaces, and no leases that cannot be revoked"},
	{At: "sys internal/specs/openapi", Names: "context", Harmless: "it names operations in the document for a generator"},
	{At: "sys *", Names: "sync", Harmless: "leases are always revoked before the answer"},
	{At: "auth/ldap config", Names: unsearched, Harmless: "the company is the directory: nobody binds or searches"},
	{At: "auth/ldap config", Names: "case_sensitive_names username_as_alias", Feature: "ldap: names that depend on case", Refusal: whenTrue},
	{At: "ldap config", Names: unsearched + " case_sensitive_names username_as_alias credential_type length max_ttl ttl schema", Harmless: "the company is the directory: nobody binds or searches"},
	{At: "ad config", Names: unsearched + " case_sensitive_names username_as_alias formatter length last_rotation_tolerance", Harmless: "the company is the directory: nobody binds or searches"},
	{At: "* config", Names: "disable_automated_rotation rotation_url", Harmless: "nothing rotates by itself"},
	{At: "* config", Names: "rotation_period rotation_schedule rotation_window", Feature: "automated rotation of root credentials", Refusal: enterpriseRotation},
	{At: "* config", Names: "password_policy", Feature: "password policies of engines", Refusal: without},
	{At: "* config", Names: "skip_static_role_import_rotation", Feature: "ldap: static roles without a first rotation by default", Refusal: whenTrue},
	{At: "database config/{}", Names: "password_policy", Feature: "password policies of engines", Refusal: without},
	{At: "database config/{}", Names: "rotation_period rotation_schedule rotation_window", Feature: "automated rotation of root credentials", Refusal: enterpriseRotation},
	{At: "database config/{}", Names: "disable_automated_rotation", Harmless: "nothing rotates by itself"},
	{At: "database roles/{}", Names: "credential_config", Feature: database.OtherCredentials, Refusal: without},
	{At: "database static-roles/{}", Names: "credential_config", Feature: database.OtherCredentials, Refusal: without},
	{At: "database static-roles/{}", Names: "rotation_schedule", Feature: "database static roles with schedules", Refusal: func(r *core.Request, name string) error {
		if r.Has("rotation_period") || len(strings.Fields(r.Text(name))) != 5 {
			return nil // which the engine refuses in its own words
		}
		return core.Forbidden()
	}},
	{At: "database config/{}", Names: "auth_type disable_escaping max_connection_lifetime max_idle_connections max_open_connections password self_managed service_account_json " +
		"tls_ca tls_certificate_key use_private_ip use_psc username", Harmless: "no database is opened; they are kept and shown"},
	{At: "database static-roles/{}", Names: "self_managed_password", Harmless: "no database is opened with it"},
	{At: "ssh config/ca", Names: "managed_key_id managed_key_name", Feature: "managed keys", Refusal: func(*core.Request, string) error {
		return core.Faulty("error retrieving public key: managed keys are supported within enterprise edition only")
	}},
	{At: "ssh roles/{}", Names: "allow_empty_principals allowed_domains_template allowed_users_template default_extensions_template default_user_template",
		Feature: "ssh roles: templates and empty principals", Refusal: whenTrue},
	{At: "ssh roles/{}", Names: "allowed_user_key_lengths key_id_format", Feature: "ssh roles: key lengths and key IDs", Refusal: without},
	{At: "ssh roles/{}", Names: "algorithm_signer", Feature: "ssh roles: other signatures than rsa-sha2-256", Refusal: func(r *core.Request, name string) error {
		if v := r.Text(name); v != "default" && v != "rsa-sha2-256" {
			return core.Forbidden()
		}
		return nil
	}},
	{At: "auth/cert certs/{}", Names: "certificate", Harmless: "the fleet's CA stands for it"},
	{At: "auth/cert certs/{}", Names: "display_name", Harmless: "it is a name to be shown"},
	{At: "auth/cert certs/{}", Names: "allowed_names allowed_dns_sans allowed_email_sans allowed_uri_sans allowed_organizational_units allowed_organizations " +
		"allowed_metadata_extensions required_extensions", Feature: "cert: constraints on other parts than the common name", Refusal: without},
	{At: "auth/cert certs/{}", Names: "ocsp_enabled ocsp_query_all_servers", Feature: "cert: OCSP", Refusal: whenTrue},
	{At: "auth/cert certs/{}", Names: "ocsp_ca_certificates ocsp_fail_open ocsp_max_retries ocsp_servers_override ocsp_this_update_max_age",
		Harmless: "OCSP is refused"},
	{At: "transit keys/{}", Names: "hybrid_key_type_ec hybrid_key_type_pqc managed_key_id managed_key_name", Harmless: "of key types that are refused"},
	{At: "transit keys/{}/rotate", Names: "managed_key_id managed_key_name", Harmless: "of key types that are refused"},
	{At: "transit verify/{}*", Names: "mac_length", Harmless: "of CMAC, which is refused"},
}

// unsearched are parameters about a connection to a directory, and about what is
// looked for there. They are kept and shown.
const unsearched = "anonymous_group_search binddn bindpass certificate client_tls_cert client_tls_key connection_timeout deny_null_bind dereference_aliases discoverdn " +
	"enable_samaccountname_login groupattr groupdn groupfilter insecure_tls max_page_size request_timeout starttls tls_max_version tls_min_version upndomain url " +
	"use_pre111_group_cn_behavior use_token_groups userattr userdn userfilter"

// whenTrue refuses a parameter that switches something on.
func whenTrue(r *core.Request, name string) error {
	if on, err := r.Bool(name, false); err != nil || !on {
		return err
	}
	return core.Forbidden()
}

// enterpriseRotation refuses what the enterprise edition's rotation manager does.
func enterpriseRotation(r *core.Request, name string) error {
	if v := r.Text(name); v == "" || v == "0" {
		return nil
	}
	if name == "rotation_window" && !r.Has("rotation_schedule") {
		return core.Faulty("cannot use rotation_window without rotation_schedule")
	}
	return core.BadRequest("error registering rotation job: error registering rotation job: rotation manager capabilities not supported in Vault community edition")
}
