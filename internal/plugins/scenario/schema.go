package scenario

// The structs below are the reference of scenario files: their tags make the
// decoder, the JSON Schema and docs/scenarios.md. See package seed for what the
// tags mean.

// File is one scenario file, or one case of it with the case's own values
// merged over the file's.
type File struct {
	Title        string     `yaml:"scenario" format:"any" doc:"What it is about, in a few words. A YAML file without this key is no scenario. It must be there, in the file, its suite or its case."`
	SPS          string     `yaml:"sps" format:"any" doc:"SPS release whose upload rules and hook arguments apply; by default 9.0."`
	Mode         string     `yaml:"mode" format:"any" words:"fresh|worker" doc:"A new interpreter for each hook, as SPS does (the default), or one that is kept. --mode of the command line wins."`
	ProxyTimeout float64    `yaml:"proxy_timeout" min:"0" doc:"Seconds of the proxy's time-out, by default 600; one call of a hook may take half of it."`
	Python       string     `yaml:"python" format:"any" doc:"Interpreter for this scenario; by default that of the command line."`
	Fleet        Fleet      `yaml:"fleet" doc:"The company and the servers that the plugin talks to. Each case gets a fleet of its own, or one that was taken back to its seed."`
	Plugins      Plugins    `yaml:"plugins" doc:"The plugins of the connection policy; at least one."`
	Limits       Limits     `yaml:"limits" doc:"What a plugin may use."`
	Box          Box        `yaml:"box" doc:"What SPS itself offers to plugins."`
	Connection   Connection `yaml:"connection" doc:"What SPS knows of the user's connection."`
	Prompts      []Prompt   `yaml:"prompts" doc:"What the plugin asks and what the person does, in order. A prompt that is not listed, and one that does not come, fail the case."`
	Target       *Target    `yaml:"target" doc:"Which secrets the server takes. Without it nobody logs in to the server, and credential stores are not asked."`
	During       []Step     `yaml:"during" doc:"What happens while the session runs, in order; each has one key."`
	Legs         int        `yaml:"legs" min:"0" max:"100" doc:"Connections of which one RDP session consists; they share the session cookie. By default one."`
	SessionEnded string     `yaml:"session_ended" enum:"always" doc:"always: session_ended of a credential store is called even if none of its other hooks was."`
	AllowOpen    []string   `yaml:"allow_open" enum:"unreachable" doc:"When plugin mutate may see the user let in: unreachable, while a system is away."`
	Expect       Expect     `yaml:"expect" doc:"What must be true at the end. What is not written is not looked at."`
}

// Fleet says which company the plugin talks to.
type Fleet struct {
	Seed  string         `yaml:"seed" format:"any" doc:"A seed beside the scenario, or one of the ready-made ones; by default demo."`
	Off   []string       `yaml:"off" format:"any" doc:"Servers that are down: nobody answers at their addresses. egress is the proxy."`
	Merge map[string]any `yaml:"merge" doc:"Laid over the seed: blocks key by key, everything else replaces. docs/seed.md has the keys."`
}

// Plugins are the plugins of the connection policy.
type Plugins struct {
	AA    *Plugin `yaml:"aa" doc:"The Authentication and Authorization plugin."`
	Store *Plugin `yaml:"credentialstore" doc:"The Credential Store plugin."`
}

// Plugin is one uploaded plugin with its configuration.
type Plugin struct {
	Package    string `yaml:"package" format:"any" doc:"Zip file or folder, beside the scenario; $NAME and ${NAME} are variables of the environment, $$ is a dollar sign. It must be there."`
	Deps       string `yaml:"deps" format:"any" doc:"Folder with modules that the package lacks, as pip --target makes it; variables as in package."`
	Config     string `yaml:"config" format:"any" doc:"The policy's configuration text, with holes. By default the package's default.cfg, as it is."`
	ConfigFile string `yaml:"config_file" format:"any" doc:"The same in a file beside the scenario. A hole in a comment that cannot be filled stays."`
}

// Box is what SPS itself offers plugins.
type Box struct {
	Hostname    string                               `yaml:"hostname" format:"any" doc:"The box's public name: what socket.gethostname says, the SDK's gateway name, and /etc/hostnickname."`
	DNS         map[string][]string                  `yaml:"dns" doc:"Names by IP address, the first being the primary one. Any other name is not found."`
	Stores      map[string]map[string]map[string]any `yaml:"credential_stores" doc:"Local credential stores: store, section of the configuration, option, and then a password, or a block with password, or type, key and cert in PEM."`
	TrustedCAs  map[string]TrustedCA                 `yaml:"trusted_cas" doc:"Trusted CA lists by name."`
	UserLists   map[string]UserList                  `yaml:"user_lists" doc:"User List policies by name."`
	LDAP        map[string]LDAPPolicy                `yaml:"ldap" doc:"LDAP Server policies by name."`
	Proxy       map[string]any                       `yaml:"proxy" keys:"proxy" doc:"The box's own HTTP proxy."`
	Starling    string                               `yaml:"starling" format:"any" doc:"Credential string of the join to Starling; by default not joined."`
	REST        map[string]any                       `yaml:"rest" doc:"Configuration tree that plugins may query by path."`
	Files       map[string]string                    `yaml:"files" doc:"Files by absolute path, with their content, for whoever opens them in Python."`
	MemoryCache map[string]string                    `yaml:"memory_cache" doc:"What the box's memory cache holds at first, by prefix:key."`
	Redirects   map[string]string                    `yaml:"redirects" doc:"Where connections lead that are made to a host:port: a server, SERVER/PORT, or a host:port."`
	Trust       string                               `yaml:"trust" enum:"inject|pinned" doc:"inject: the plugin trusts the fleet's CA by REQUESTS_CA_BUNDLE and SSL_CERT_FILE. pinned: also where an SDK brings a list of CAs that it would trust alone. SPS does neither, and the report says so."`
}

// TrustedCA is a list of certificates: of a server of the fleet, or PEM texts.
type TrustedCA struct {
	From string   `yaml:"from" format:"any" doc:"A server of the fleet: its CA."`
	PEM  []string `yaml:"pem" format:"any" doc:"Certificates in PEM."`
}

// UserList is a User List policy.
type UserList struct {
	Allow  string   `yaml:"allow" enum:"no_user|all_users" doc:"Who is on it, apart from those in except."`
	Except []string `yaml:"except" format:"any" doc:"Names for which it is the other way round."`
}

// LDAPPolicy is an LDAP Server policy: the fleet's people, or people of its own.
type LDAPPolicy struct {
	From   string                    `yaml:"from" format:"any" doc:"Any server of the fleet: the company's people and groups."`
	Users  map[string]map[string]any `yaml:"users" doc:"People by name, each with attributes: a value or a list."`
	Groups map[string][]string       `yaml:"groups" doc:"Members by name of the group."`
}

// Connection is what SPS knows of the user's connection.
type Connection struct {
	Protocol  string            `yaml:"protocol" enum:"ssh|rdp|telnet|http|ica|vnc|mssql|tsg" doc:"Protocol as plugins are told it. It must be there."`
	Policy    string            `yaml:"policy" format:"any" doc:"Name of the connection policy; by default example."`
	Client    Endpoint          `yaml:"client" doc:"Where the user sits; by default 198.51.100.7, port 51022, no name."`
	Login     string            `yaml:"login" format:"any" doc:"User name as it is typed: otp=123456@root@10.0.0.5 at a terminal, DOMAIN\\otp~123456%root in RDP. Fills what gateway and server leave open."`
	KeyValues map[string]string `yaml:"key_values" doc:"key_value_pairs, instead of login."`
	Gateway   Gateway           `yaml:"gateway" doc:"Who has authenticated on the gateway, before any plugin; without a user nobody has."`
	Server    Server            `yaml:"server" doc:"Where the connection goes."`
	Mapping   *bool             `yaml:"usermapping" doc:"A usermapping policy allows the gateway user that a plugin returns to be another one than the user on the server. Without it such a session ends in an error, as on SPS."`
}

// Endpoint is the client's end of a connection.
type Endpoint struct {
	IP       string `yaml:"ip" format:"any" doc:"Its address."`
	Port     int    `yaml:"port" min:"0" max:"65535" doc:"Its port."`
	Hostname string `yaml:"hostname" format:"any" doc:"Its name; without one, reverse DNS fails."`
}

// Server is the server's end of a connection.
type Server struct {
	User     string `yaml:"user" format:"any" doc:"User on the server."`
	IP       string `yaml:"ip" format:"any" doc:"Its address."`
	Port     int    `yaml:"port" min:"0" max:"65535" doc:"Its port; without one, plugins get None."`
	Hostname string `yaml:"hostname" format:"any" doc:"Its name; without one, reverse DNS fails."`
	Domain   string `yaml:"domain" format:"any" doc:"Domain of the user on the server."`
}

// Gateway is who authenticated on the gateway.
type Gateway struct {
	User     string   `yaml:"user" format:"any" doc:"Name of the gateway user."`
	Password string   `yaml:"password" format:"any" doc:"Password, where the gateway authentication reveals it to credential stores."`
	Groups   []string `yaml:"groups" format:"any" doc:"Groups; without the key plugins get None."`
	Domain   string   `yaml:"domain" format:"any" doc:"Domain of the gateway user."`
	Web      bool     `yaml:"web" doc:"The person authenticates in the web interface. That comes after AA plugins, and excludes them."`
}

// Prompt is one question that the plugin asks and what the person does.
type Prompt struct {
	Ask    *Question `yaml:"ask" doc:"What is asked; what is not written is not looked at."`
	Answer string    `yaml:"answer" format:"any" doc:"What is typed. Its holes are filled when the question comes, with the code of that moment."`
	Hangup bool      `yaml:"hangup" doc:"The person closes the connection instead."`
	Wait   string    `yaml:"wait" format:"any" doc:"How much of the fleet's time passes before the answer: 40s, 9h."`
}

// Question is what is expected of a prompt; what is absent is not looked at.
type Question struct {
	Key    any `yaml:"key" doc:"Key under which the answer comes back; a matcher."`
	Text   any `yaml:"text" doc:"What the person reads; a matcher."`
	Hidden any `yaml:"hidden" doc:"Whether what is typed is hidden; a matcher."`
}

// Target says which secrets the target accepts.
type Target struct {
	Offers  []string `yaml:"offers" enum:"publickey|password" doc:"How one may log in; by default with keys and passwords on SSH, with passwords elsewhere."`
	Accepts Accepts  `yaml:"accepts" doc:"The right secret; without one none is."`
}

// Accepts is the right secret.
type Accepts struct {
	Password string `yaml:"password" format:"any" doc:"The password."`
	Key      string `yaml:"key" format:"any" doc:"The private key in PEM, or its fingerprint SHA256:…."`
}

// Step is something that happens while the session runs.
type Step struct {
	RemoteApp *RemoteApp `yaml:"remote_app" doc:"A remote application asks for credentials."`
	TOTP      bool       `yaml:"totp" doc:"The codes for the server are asked for."`
	Wait      string     `yaml:"wait" format:"any" doc:"How much of the fleet's time passes: 8h."`
}

// RemoteApp is an application that asks for credentials.
type RemoteApp struct {
	Asset   string `yaml:"asset" format:"any" doc:"Asset that the application names; may be left out."`
	Account string `yaml:"account" format:"any" doc:"Account that the person names when the plugin needs to know."`
	Answer  string `yaml:"answer" format:"any" doc:"Asset that the person names when the plugin needs to know."`
}

// Expect is what must be true at the end; absent parts are not looked at.
type Expect struct {
	Outcome       any              `yaml:"outcome" doc:"How the session ends: connected, denied, failed (no credential was accepted), disconnected (the person hung up) or error; a matcher."`
	Error         any              `yaml:"error" doc:"Kind of the error, with outcome error: exception, no-result, bad-result, not-json, timeout, missing-hook, cannot-prompt or usermapping; a matcher."`
	Authenticate  map[string]any   `yaml:"authenticate" keys:"hook" doc:"The last call of authenticate."`
	Authorize     map[string]any   `yaml:"authorize" keys:"hook" doc:"The last call of authorize; keys as for authenticate."`
	SessionEnded  map[string]any   `yaml:"session_ended" keys:"hook" doc:"The last call of session_ended, of both plugins; keys as for authenticate."`
	Passwords     map[string]any   `yaml:"get_password_list" keys:"hook" doc:"The last call of get_password_list; keys as for authenticate."`
	Keys          map[string]any   `yaml:"get_private_key_list" keys:"hook" doc:"The last call of get_private_key_list; keys as for authenticate."`
	Completed     map[string]any   `yaml:"authentication_completed" keys:"hook" doc:"The last call of authentication_completed; keys as for authenticate."`
	RemoteApp     map[string]any   `yaml:"get_remote_app_credentials" keys:"hook" doc:"The last call of get_remote_app_credentials; keys as for authenticate."`
	TOTP          map[string]any   `yaml:"get_totp_codes" keys:"hook" doc:"The last call of get_totp_codes; keys as for authenticate."`
	PasswordList  []any            `yaml:"passwords" doc:"All passwords that were returned, in order; each a matcher."`
	KeyList       []map[string]any `yaml:"keys" keys:"key" doc:"All private keys that were returned, in order."`
	Cookie        Cookies          `yaml:"cookie" doc:"The plugins' own cookies at the end."`
	SessionCookie any              `yaml:"session_cookie" doc:"The session's cookie at the end: a block of matchers, of which others may be beside."`
	Log           []any            `yaml:"log" doc:"Texts, or /regular expressions/, each of which stands in some line of the plugins' output."`
	NoLog         []any            `yaml:"no_log" doc:"Texts, or /regular expressions/, that stand in no line."`
	Backend       []map[string]any `yaml:"backend" keys:"operation" doc:"Operations of the servers, in order; others may come between. An empty list says nothing, unless backend_exact is true."`
	BackendExact  bool             `yaml:"backend_exact" doc:"No other operation than those in backend."`
	Review        []any            `yaml:"review" doc:"Remarks of the review that are expected, as texts of which they consist or /regular expressions/; an empty list: no remark at all."`
}

// Cookies are the plugins' own cookies.
type Cookies struct {
	AA    any `yaml:"aa" doc:"Of the AA plugin: a block of matchers, of which others may be beside; or any, absent."`
	Store any `yaml:"credentialstore" doc:"Of the credential store plugin, likewise."`
}

// Keyed are the blocks whose keys are known although they are read as maps: the
// values are matchers. Their names stand in the tag keys.
func Keyed() map[string]any {
	return map[string]any{"hook": hookKeys{}, "key": keyKeys{}, "operation": operationKeys{}, "proxy": proxyKeys{}}
}

// hookKeys is what may be expected of a hook.
type hookKeys struct {
	Calls    any `yaml:"calls" doc:"How often it was called; a matcher, as all below."`
	Verdict  any `yaml:"verdict" doc:"ACCEPT, DENY, NEEDINFO or NONE; authenticate and authorize have one."`
	Reason   any `yaml:"reason" doc:"What the person is told with a denial."`
	Metadata any `yaml:"metadata" doc:"additional_metadata: as the text that it is, or, if it is a block or list of JSON, as that."`
	User     any `yaml:"gateway_user" doc:"Gateway user that authenticate returned, together with groups."`
	Groups   any `yaml:"gateway_groups" doc:"Gateway groups that authenticate returned, together with a user."`
	Error    any `yaml:"error" doc:"Kind of the error in which it ended; see expect.error."`
	MaxMS    any `yaml:"max_ms" doc:"Milliseconds that no call may exceed."`
}

// keyKeys is what may be expected of a private key.
type keyKeys struct {
	Type        any `yaml:"type" doc:"As the plugin says: ssh-rsa, ssh-dss; a matcher, as all below."`
	Fingerprint any `yaml:"fingerprint" doc:"SHA256:…, of a key that is in order."`
	PEM         any `yaml:"pem" doc:"The key itself."`
	Refused     any `yaml:"refused" doc:"Why SPS does not use it."`
}

// operationKeys is what may be expected of an operation of a server.
type operationKeys struct {
	System   any `yaml:"system" doc:"Server by its name in the seed; egress is the proxy. A matcher, as all below."`
	Server   any `yaml:"server" doc:"The same."`
	Kind     any `yaml:"kind" doc:"Kind of the server: radius, vault, …."`
	Port     any `yaml:"port" doc:"Which of its ports: http, auth, ldaps, …."`
	Op       any `yaml:"op" doc:"The operation's name in the journal: POST /otp/v1/verify, kv.read, Access-Request, Bind."`
	Outcome  any `yaml:"outcome" doc:"ok, denied, failed, broken (by a fault), unimplemented, …."`
	Status   any `yaml:"status" doc:"The protocol's own word: 403, Access-Reject, 49."`
	Actor    any `yaml:"actor" doc:"Who asks, once known."`
	User     any `yaml:"user" doc:"The same; of a RADIUS packet its User-Name."`
	Object   any `yaml:"object" doc:"What it is about: an account, a device, a ticket."`
	Why      any `yaml:"why" doc:"The reason of a refusal in the operator's words."`
	Fault    any `yaml:"fault" doc:"Faults that struck, by their numbers."`
	Took     any `yaml:"took" doc:"Seconds that it took."`
	Request  any `yaml:"request" doc:"The request as the journal shows it, with secrets masked."`
	Response any `yaml:"response" doc:"The answer as the journal shows it, with secrets masked."`
	Method   any `yaml:"method" doc:"Over HTTP: GET, POST, …."`
	Path     any `yaml:"path" doc:"Over HTTP: the path."`
	Query    any `yaml:"query" doc:"Over HTTP: the query as it was sent."`
	Body     any `yaml:"body" doc:"Over HTTP: the request's body if it is JSON; of a block, others may be beside."`
	Answer   any `yaml:"answer" doc:"Over HTTP: the answer's body if it is JSON; of a block, others may be beside."`
	Packet   any `yaml:"packet" doc:"Over RADIUS: Access-Request, Accounting-Request, …."`
	Reply    any `yaml:"reply" doc:"Over RADIUS: Access-Accept, Access-Reject, Access-Challenge, …."`
	Others   any `yaml:"*" doc:"Over RADIUS: any attribute of the request by its name in small letters with underscores: state, service_type."`
}

// proxyKeys is the box's own HTTP proxy.
type proxyKeys struct {
	Server   any `yaml:"server" doc:"Its host: {{ egress.host }} is the fleet's."`
	Port     any `yaml:"port" doc:"Its port; by default 3128."`
	Username any `yaml:"username" doc:"If it asks for one."`
	Password any `yaml:"password" doc:"If it asks for one."`
}
