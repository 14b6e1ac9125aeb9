package servicenow

// Settings is the block of one ServiceNow instance in a seed. People log in with
// their own names and passwords, API clients of the seed with theirs.
type Settings struct {
	Listen     string `yaml:"listen" doc:"Address and port of the instance." default:":8445" format:"listen"`
	TLS        bool   `yaml:"tls" doc:"Whether the port speaks TLS; clients of the vendor know nothing else." default:"true"`
	Instance   string `yaml:"instance" doc:"Name under service-now.com by which clients reach it; default is the server's name." format:"dns"`
	PathPrefix string `yaml:"path_prefix" doc:"Path before /api, such as /sn1; default is none."`
	System     string `yaml:"system" doc:"Which of the seed's tickets it has; instances of one system share them." default:"servicenow" format:"word"`

	InvalidQuery     string `yaml:"invalid_query" doc:"What becomes of a query with an invalid condition: drop (default) runs the rest, none finds nothing." default:"drop" enum:"drop|none"`
	StringCompare    string `yaml:"string_compare" doc:"Whether = and its kin on text see case: ci (default) does not, cs does." default:"ci" enum:"ci|cs"`
	StrictHeaders    bool   `yaml:"strict_headers" doc:"Whether requests without Accept, or with a body that is not declared JSON, are refused."`
	ClosedIsReadonly bool   `yaml:"closed_is_readonly" doc:"Whether only admins change closed tickets, default true." default:"true"`
	EmptyV1404       bool   `yaml:"empty_v1_404" doc:"Whether a list without a match is 404 under /api/now/v1, default true." default:"true"`
	ChangeModel      string `yaml:"change_model" doc:"Whether a change, and a change task, moves only along its state model: enforced (default) or free." default:"enforced" enum:"enforced|free"`
	IncidentModel    string `yaml:"incident_model" doc:"The same for incidents, default free." default:"free" enum:"enforced|free"`
	ProblemModel     string `yaml:"problem_model" doc:"The same for problems and their tasks, with the data policies of problems, default enforced." default:"enforced" enum:"enforced|free"`
	MandatoryOnClose bool   `yaml:"mandatory_on_close" doc:"Whether an incident is resolved and closed only with close_code and close_notes, default true." default:"true"`
	ClosedSkipped    string `yaml:"closed_skipped" doc:"The value of Closed Skipped in catalog tables: 7 (default) or 5." default:"7" enum:"5|7" format:"any"`
	Gzip             bool   `yaml:"gzip" doc:"Whether lists are compressed for clients that ask; faults that change fields cannot then, so the default is false."`
	TimeZone         string `yaml:"time_zone" doc:"Zone in which display values show times and scripts count days, default UTC." default:"UTC"`

	DefaultRole   string         `yaml:"default_role" doc:"Role of people whom roles and users do not name: itil (default), admin, or none, who get 401." default:"itil" enum:"itil|admin|none"`
	Roles         []Grant        `yaml:"roles" doc:"Roles of people of the seed."`
	Users         []User         `yaml:"users" doc:"Users that only this instance knows, for programs."`
	OAuth         []Application  `yaml:"oauth" doc:"OAuth applications beside the API clients of the seed, who are some with their name and secret."`
	APIKeys       []APIKey       `yaml:"api_keys" doc:"Keys for the header x-sn-apikey."`
	Certificates  []Certificate  `yaml:"certificates" doc:"Client certificates of the fleet's CA that stand for a user."`
	RateLimits    []RateLimit    `yaml:"rate_limits" doc:"Inbound REST limits; a rule for the user beats one for a role, which beats one for all."`
	Access        []Restriction  `yaml:"access" doc:"Who may do what with a table, beside the usual rules: deletes and sys_ tables need admin."`
	BusinessRules []BusinessRule `yaml:"business_rules" doc:"Rules that abort writes."`

	Tables  []TableSettings                `yaml:"tables" doc:"Tables beside those that every instance has."`
	Fields  map[string]map[string]string   `yaml:"fields" doc:"Further fields of tables: table, field, type (as in tables)." format:"any"`
	Records map[string][]map[string]string `yaml:"records" doc:"Rows by table. Rows of the ticket tables are this instance's alone: a duplicate number, for one. References are names, times may be relative (now-1h), sys_id may be given." format:"any"`
}

// Grant gives a role to a person or to the members of a group.
type Grant struct {
	User  string `yaml:"user" doc:"Name of a person." ref:"user"`
	Group string `yaml:"group" doc:"Name of a group." ref:"group"`
	Role  string `yaml:"role" doc:"What they may do." enum:"itil|admin|none" required:"true"`
}

// User is a user that only the instance knows.
type User struct {
	User     string   `yaml:"user" doc:"Login name." required:"true" format:"id"`
	Password string   `yaml:"password" doc:"Password." required:"true" format:"any"`
	Roles    []string `yaml:"roles" doc:"Roles; without itil or admin every call is 401." format:"word"`
	Name     string   `yaml:"name" doc:"What people see, default the login name."`
	SysID    string   `yaml:"sys_id" doc:"The sys_id, default one that follows from the name." format:"any"`
	TimeZone string   `yaml:"time_zone" doc:"The user's zone, default the instance's."`
}

// Application is an OAuth application.
type Application struct {
	ClientID     string `yaml:"client_id" doc:"The client_id." required:"true" format:"any"`
	ClientSecret string `yaml:"client_secret" doc:"The client_secret." required:"true" format:"any"`
	User         string `yaml:"user" doc:"Whom the grant client_credentials stands for; without, it is refused."`
	JWTSecret    string `yaml:"jwt_secret" doc:"HS256 key of tokens for the grant jwt-bearer, whose sub or email is a user; without, it is refused." format:"any"`
}

// APIKey is a key that stands for a user.
type APIKey struct {
	Key  string `yaml:"key" doc:"The key." required:"true" format:"any"`
	User string `yaml:"user" doc:"Whose it is: of users, a person or a client." required:"true"`
}

// Certificate is a client certificate that stands for a user.
type Certificate struct {
	Name string `yaml:"name" doc:"Common name in the certificate." required:"true"`
	User string `yaml:"user" doc:"Whom it stands for." required:"true"`
}

// RateLimit is one inbound limit.
type RateLimit struct {
	Scope   string `yaml:"scope" doc:"Whom it limits: user, role or all (default); each of them has a count of its own." default:"all" enum:"user|role|all"`
	User    string `yaml:"user" doc:"With scope user: who."`
	Role    string `yaml:"role" doc:"With scope role: who has it." enum:"itil|admin"`
	Table   string `yaml:"table" doc:"Of which table's calls; default is all of the Table API."`
	PerHour int    `yaml:"per_hour" doc:"Calls per hour." min:"1" required:"true"`
}

// Restriction is a further rule about a table.
type Restriction struct {
	Table     string `yaml:"table" doc:"The table." required:"true"`
	Operation string `yaml:"operation" doc:"read (403 for the whole table), create, write or delete." enum:"read|create|write|delete" required:"true"`
	Role      string `yaml:"role" doc:"Who may: itil, admin or nobody." enum:"itil|admin|nobody" required:"true"`
	If        string `yaml:"if" doc:"Encoded query that the row must match for the rule to hold; not with read."`
}

// BusinessRule aborts writes.
type BusinessRule struct {
	Name  string `yaml:"name" doc:"Its name, default made of table and place."`
	Table string `yaml:"table" doc:"The table." required:"true"`
	When  string `yaml:"when" doc:"insert, update (default) or delete." default:"update" enum:"insert|update|delete"`
	If    string `yaml:"if" doc:"Encoded query that the row, as it would be, must match; default is every row."`
	Abort string `yaml:"abort" doc:"What the operator reads."`
}

// TableSettings is a table beside the usual ones.
type TableSettings struct {
	Name    string              `yaml:"name" doc:"Its name, u_ and something, or that of a table that a plugin of the instance adds." required:"true" format:"word"`
	Label   string              `yaml:"label" doc:"What people call it."`
	Extends string              `yaml:"extends" doc:"The table it extends. What clients insert into one that extends task are tickets of the company."`
	Prefix  string              `yaml:"prefix" doc:"What numbers of its rows begin with, if it extends task; default is that of the table it extends." format:"word"`
	Display string              `yaml:"display" doc:"The field that names a row, default number or name."`
	Fields  map[string]string   `yaml:"fields" doc:"Field and type: text, integer, boolean, date_time, date, journal, reference and a table, or choice and values with what people see of them (choice new=New, done=Done)." format:"any"`
	Rows    []map[string]string `yaml:"rows" doc:"Its rows; as in records." format:"any"`
}
