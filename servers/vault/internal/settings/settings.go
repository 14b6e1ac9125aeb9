// Package settings is a vault's block of the seed.
package settings

import (
	"time"
)

// Settings is a vault's block of the seed.
type Settings struct {
	Listen      string        `yaml:"listen" doc:"Address and port of the HTTP API." default:":8200" format:"listen"`
	TLS         bool          `yaml:"tls" doc:"Whether the port speaks TLS."`
	ClientCert  bool          `yaml:"client_cert" doc:"Ask TLS clients for a certificate, for the cert auth method."`
	Flavour     string        `yaml:"flavour" doc:"Which server it is." enum:"vault-1.21|openbao-2|vault-1.1" default:"vault-1.21"`
	ClusterName string        `yaml:"cluster_name" doc:"Name of the cluster." default:"counterpart"`
	Initialized bool          `yaml:"initialized" doc:"False: the server has not been initialised yet." default:"true"`
	Sealed      bool          `yaml:"sealed" doc:"The server starts sealed; PUT /v1/sys/unseal with a key opens it."`
	Standby     string        `yaml:"standby" doc:"Whether this node answers as a standby." enum:"none|standby|perf|dr" default:"none"`
	UnsealKeys  []string      `yaml:"unseal_keys" doc:"Keys that unseal the server, base64 or hex; one is enough."`
	Token       string        `yaml:"token" doc:"The root token." default:"root"`
	Policies    []Policy      `yaml:"policies" doc:"ACL policies."`
	Mounts      []Mount       `yaml:"mounts" doc:"Secrets engines; secret/ (kv version 2), cubbyhole/, identity/ and sys/ are there by themselves."`
	Auth        []AuthMount   `yaml:"auth" doc:"Auth methods; token/ is there by itself."`
	Tokens      []SeededToken `yaml:"tokens" doc:"Tokens that exist from the start."`
	Identity    []Identity    `yaml:"identity" doc:"Entities of the identity store."`
	Lockout     Lockout       `yaml:"lockout" doc:"When wrong passwords lock a login name."`
	StaleLease  bool          `yaml:"stale_lease_quirk" doc:"As in the real server, the old lease of an account that was checked in takes it from whoever has it when it expires." default:"true"`
}

// Policy is a named ACL policy.
type Policy struct {
	Name string `yaml:"name" doc:"Its name." required:"true"`
	HCL  string `yaml:"hcl" doc:"Its text, in HCL or JSON." required:"true"`
}

// Lockout is the user lock-out of the server.
type Lockout struct {
	Threshold int           `yaml:"threshold" doc:"Failures that lock; 0 never." default:"5" min:"0"`
	Duration  time.Duration `yaml:"duration" doc:"How long it lasts." default:"15m"`
	Window    time.Duration `yaml:"window" doc:"Failures older than this are forgotten." default:"15m"`
}

// SeededToken is a token that exists from the start.
type SeededToken struct {
	ID        string            `yaml:"id" doc:"The token itself." required:"true"`
	Policies  []string          `yaml:"policies" doc:"Its policies; default is added."`
	TTL       time.Duration     `yaml:"ttl" doc:"Its life; 0 for ever, which only root tokens have in the real server."`
	Renewable bool              `yaml:"renewable" doc:"Whether it can be renewed."`
	NumUses   int               `yaml:"num_uses" doc:"How often it can be used; 0 without limit." min:"0"`
	Meta      map[string]string `yaml:"meta" doc:"Its metadata."`
}

// Identity is an entity of the identity store.
type Identity struct {
	Name     string            `yaml:"name" doc:"Its name." required:"true"`
	Policies []string          `yaml:"policies" doc:"Policies that all its tokens have."`
	Metadata map[string]string `yaml:"metadata" doc:"Its metadata."`
	Aliases  []Alias           `yaml:"aliases" doc:"Login names that are this entity."`
}

// Alias is a login name of an entity.
type Alias struct {
	Mount string `yaml:"mount" doc:"Auth mount." required:"true"`
	Name  string `yaml:"name" doc:"Login name there." required:"true"`
}

// Mount is a secrets engine.
type Mount struct {
	Path        string         `yaml:"path" doc:"Where it is mounted." required:"true"`
	Type        string         `yaml:"type" doc:"Which engine." enum:"kv|ldap|ad|ssh|totp|database|transit" required:"true"`
	Version     int            `yaml:"version" doc:"kv: 1 or 2." enum:"1|2" default:"1"`
	Description string         `yaml:"description" doc:"For people."`
	Secrets     []Secret       `yaml:"secrets" doc:"kv: what is stored."`
	Static      []StaticRole   `yaml:"static_roles" doc:"ldap, database: accounts whose password the engine rotates."`
	Libraries   []Library      `yaml:"libraries" doc:"ldap: sets of accounts that are checked out."`
	SSH         []SSHRole      `yaml:"ssh_roles" doc:"ssh: roles."`
	CAKey       string         `yaml:"ca_private_key" doc:"ssh: private key of the CA, PEM; empty: none until one is configured."`
	Keys        []EngineKey    `yaml:"keys" doc:"totp, transit: keys."`
	Roles       []DatabaseRole `yaml:"roles" doc:"database: roles of dynamic credentials."`
}

// Secret is a secret of the kv engine.
type Secret struct {
	Path     string            `yaml:"path" doc:"Its path below the mount." required:"true"`
	Data     map[string]any    `yaml:"data" doc:"What it holds."`
	Account  string            `yaml:"account" doc:"An account whose current password (and key) it shows, as name@asset." ref:"account"`
	Versions []map[string]any  `yaml:"versions" doc:"kv version 2: one after the other, instead of data."`
	Metadata map[string]string `yaml:"metadata" doc:"kv version 2: custom metadata."`
}

// StaticRole is an account that an engine manages.
type StaticRole struct {
	Name     string        `yaml:"name" doc:"Name of the role." required:"true"`
	Account  string        `yaml:"account" doc:"The account, as name@asset, or the name of a person whose password an account manages." required:"true"`
	Rotation time.Duration `yaml:"rotation_period" doc:"How often its password changes." default:"24h"`
}

// Library is a set of accounts that are checked out.
type Library struct {
	Name           string        `yaml:"name" doc:"Name of the set." required:"true"`
	Accounts       []string      `yaml:"accounts" doc:"Service accounts: names of people whose password an account manages, or accounts as name@asset." required:"true"`
	TTL            time.Duration `yaml:"ttl" doc:"Length of a lease." default:"24h"`
	MaxTTL         time.Duration `yaml:"max_ttl" doc:"Longest lease with renewals." default:"24h"`
	DisableCheckIn bool          `yaml:"disable_check_in_enforcement" doc:"Anybody may check in what anybody has."`
}

// SSHRole is a role of the ssh engine.
type SSHRole struct {
	Name         string        `yaml:"name" doc:"Name of the role." required:"true"`
	KeyType      string        `yaml:"key_type" doc:"otp or ca." enum:"otp|ca" required:"true"`
	DefaultUser  string        `yaml:"default_user" doc:"User when none is named."`
	AllowedUsers string        `yaml:"allowed_users" doc:"Users that may be named, separated by commas."`
	CIDRs        string        `yaml:"cidr_list" doc:"otp: hosts, separated by commas."`
	TTL          time.Duration `yaml:"ttl" doc:"ca: life of a certificate."`
}

// EngineKey is a key of the totp or transit engine.
type EngineKey struct {
	Name    string `yaml:"name" doc:"Its name." required:"true"`
	Secret  string `yaml:"secret" doc:"totp: the key in Base32."`
	Device  string `yaml:"device" doc:"totp: a TOTP device of the seed, whose codes it makes and checks."`
	Issuer  string `yaml:"issuer" doc:"totp: issuer."`
	Account string `yaml:"account_name" doc:"totp: account name."`
	Digits  int    `yaml:"digits" doc:"totp: digits." enum:"6|8" default:"6"`
	Period  int    `yaml:"period" doc:"totp: seconds." default:"30" min:"1"`
	Type    string `yaml:"type" doc:"transit: type of the key." default:"aes256-gcm96"`
}

// DatabaseRole is a role of dynamic credentials.
type DatabaseRole struct {
	Name   string        `yaml:"name" doc:"Its name." required:"true"`
	TTL    time.Duration `yaml:"ttl" doc:"Life of the credentials." default:"1h"`
	MaxTTL time.Duration `yaml:"max_ttl" doc:"Longest life with renewals." default:"24h"`
}

// AuthMount is an auth method.
type AuthMount struct {
	Path   string      `yaml:"path" doc:"Where it is mounted." required:"true"`
	Type   string      `yaml:"type" doc:"Which method." enum:"userpass|ldap|approle|cert" required:"true"`
	Users  []AuthUser  `yaml:"users" doc:"userpass, ldap: users."`
	Groups []AuthGroup `yaml:"groups" doc:"ldap: policies of groups."`
	Roles  []AppRole   `yaml:"roles" doc:"approle: roles."`
	Certs  []CertRole  `yaml:"certs" doc:"cert: who may log in with which certificate."`
	URL    string      `yaml:"url" doc:"ldap: what its configuration shows." default:"ldap://127.0.0.1"`
}

// AuthUser is a user of userpass or ldap.
type AuthUser struct {
	Name     string        `yaml:"name" doc:"Login name." required:"true"`
	Password string        `yaml:"password" doc:"Its password; empty: that of the person of this name."`
	Policies []string      `yaml:"policies" doc:"Policies of its tokens."`
	Groups   []string      `yaml:"groups" doc:"ldap: more groups."`
	TTL      time.Duration `yaml:"token_ttl" doc:"Life of its tokens; 0: the system's."`
	MaxTTL   time.Duration `yaml:"token_max_ttl" doc:"Longest life with renewals; 0: the system's."`
}

// AuthGroup gives policies to a group.
type AuthGroup struct {
	Name     string   `yaml:"name" doc:"Name of the group." required:"true"`
	Policies []string `yaml:"policies" doc:"Policies of its members."`
}

// AppRole is a role of the approle method.
type AppRole struct {
	Name      string        `yaml:"name" doc:"Its name." required:"true"`
	RoleID    string        `yaml:"role_id" doc:"Its role ID; empty: a generated one."`
	SecretIDs []SecretID    `yaml:"secret_ids" doc:"Secret IDs that exist from the start."`
	Bind      bool          `yaml:"bind_secret_id" doc:"Whether a secret ID is needed." default:"true"`
	NumUses   int           `yaml:"secret_id_num_uses" doc:"Uses of a new secret ID; 0 without limit." min:"0"`
	SecretTTL time.Duration `yaml:"secret_id_ttl" doc:"Life of a new secret ID; 0 for ever."`
	TTL       time.Duration `yaml:"token_ttl" doc:"Life of its tokens; 0: the system's."`
	MaxTTL    time.Duration `yaml:"token_max_ttl" doc:"Longest life with renewals; 0: the system's."`
	Policies  []string      `yaml:"policies" doc:"Policies of its tokens."`
}

// SecretID is a secret ID of a role.
type SecretID struct {
	Value   string        `yaml:"value" doc:"The secret ID." required:"true"`
	NumUses int           `yaml:"num_uses" doc:"Uses; 0 without limit." min:"0"`
	TTL     time.Duration `yaml:"ttl" doc:"Life; 0 for ever."`
}

// CertRole lets clients in with a certificate of the fleet's CA.
type CertRole struct {
	Name     string   `yaml:"name" doc:"Its name." required:"true"`
	Names    []string `yaml:"allowed_common_names" doc:"Common names that fit; none: all."`
	Policies []string `yaml:"policies" doc:"Policies of its tokens."`
}
