package seed

import (
	"reflect"
	"time"
)

type ticket struct {
	At                place
	ID                string            `yaml:"id" required:"true" format:"id" doc:"Number or key, as people type it."`
	System            string            `yaml:"system" default:"native" format:"word" doc:"The kind of server that has it: native, servicenow, jira, …"`
	Kind              string            `yaml:"kind" default:"change" enum:"access|change|incident|request|problem|task" doc:"What kind of ticket."`
	Title             string            `yaml:"title" doc:"One line; by default made of kind and id."`
	Description       string            `yaml:"description" doc:"The long text."`
	State             string            `yaml:"state" doc:"In the words of its own system; by default approved for native, else new."`
	Approval          string            `yaml:"approval" default:"not_requested" enum:"approved|requested|rejected|not_requested" doc:"How far its approval is."`
	Requester         string            `yaml:"requester" ref:"user" doc:"Who asks."`
	Assignee          string            `yaml:"assignee" ref:"user" doc:"Who works on it."`
	Approvers         []approver        `yaml:"approvers" doc:"Who is asked to approve: names, or blocks with a decision."`
	MinApprovals      int               `yaml:"min_approvals" min:"0" max:"100" doc:"How many approvals it needs."`
	AllowSelfApproval bool              `yaml:"allow_self_approval" doc:"The requester's own approval counts."`
	BreakGlass        bool              `yaml:"break_glass" doc:"An emergency: approval is skipped, a review follows."`
	Asset             string            `yaml:"asset" doc:"Short for one target: asset name, host name, address, network or pattern such as web*."`
	Account           string            `yaml:"account" doc:"Short for the account of that target; by default any."`
	Targets           []target          `yaml:"targets" doc:"What the ticket permits to reach."`
	From              time.Time         `yaml:"from" doc:"When the window opens: -1h, now, 2030-01-31T08:00:00Z; by default it is open."`
	Until             time.Time         `yaml:"until" doc:"When the window closes; by default never."`
	MaxSessions       int               `yaml:"max_sessions" min:"0" max:"1000000" doc:"Sessions at a time; 0 means no limit."`
	MaxUses           int               `yaml:"max_uses" min:"0" max:"1000000" doc:"Sessions in total; 0 means no limit."`
	Labels            map[string]string `yaml:"labels" format:"any" doc:"Labels of the native ticket."`
	Fields            map[string]string `yaml:"fields" format:"any" doc:"What only its own system knows."`
	Created           time.Time         `yaml:"created" doc:"When it was made; by default a day before the fleet starts."`
}

type target struct {
	At        place
	Asset     string   `yaml:"asset" required:"true" doc:"Asset name, host name, address, network or pattern such as web*."`
	Accounts  []string `yaml:"accounts" doc:"Account names; * is any, which is the default."`
	Protocols []string `yaml:"protocols" format:"word" doc:"Protocols such as ssh and rdp; by default any."`
	Ports     []int    `yaml:"ports" min:"1" max:"65535" doc:"Ports; by default any."`
}

type approver struct {
	At       place
	User     string    `yaml:"user" required:"true" ref:"user" doc:"Who is asked."`
	Decision string    `yaml:"decision" enum:"approved|rejected" doc:"What that person decided; by default nothing yet."`
	When     time.Time `yaml:"at" doc:"When; by default an hour before the fleet starts."`
	Comment  string    `yaml:"comment" doc:"What was said."`
}

// plainApprover is approver without its own decoder.
type plainApprover approver

// fromNode takes a name alone for a person who has not decided yet.
func (a *approver) fromNode(d *decoder, n *node) {
	if n.Kind == text {
		n = &node{Kind: mapping, Line: n.Line, Column: n.Column, Parent: n.Parent, Index: n.Index,
			Entries: []entry{{Name: "user", Line: n.Line, Column: n.Column, Value: n}}}
	}
	d.block(n, reflect.ValueOf((*plainApprover)(a)).Elem(), field{key: "approvers", inList: true})
}
