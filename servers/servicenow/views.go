package servicenow

import (
	"context"
	"iter"
	"strconv"

	"counterpart/internal/company/ticket"
	"counterpart/internal/company/world"
)

// Views are tables whose rows are what the world knows: people, groups, machines,
// approvers and notes of tickets.

// base yields the rows of one table as the seed has them, without what was
// written here.
func (s *Server) base(ctx context.Context, class string) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		for _, r := range s.seeded[class] {
			if !yield(r, nil) {
				return
			}
		}
		switch class {
		case "sys_user":
			for u := range s.everybody() {
				if !yield(s.userRow(u), nil) {
					return
				}
			}
		case "sys_user_group":
			for g := range s.World.Groups() {
				if !yield(s.groupRow(g), nil) {
					return
				}
			}
		case "sys_user_grmember":
			s.members(yield)
		case "sys_choice":
			s.choiceRows(yield)
		case "sys_dictionary":
			s.fieldRows(yield)
		case "sys_db_object":
			for _, name := range s.dict.Tables() {
				if !yield(s.tableRow(name), nil) {
					return
				}
			}
		case "sys_user_has_role":
			for u := range s.everybody() {
				if u.role != noRole && !yield(s.roleRow(u), nil) {
					return
				}
			}
		case "sysapproval_approver", "sys_journal_field":
			s.ofTickets(ctx, class, yield)
		default:
			if !s.dict.Extends(class, "cmdb_ci") {
				return
			}
			for a := range s.World.Assets() {
				if assetClass(a) == class && !yield(s.assetRow(a), nil) {
					return
				}
			}
		}
	}
}

// baseRow finds a row of base by sys_id; nil when there is none.
func (s *Server) baseRow(ctx context.Context, class, id string) (*record, error) {
	if i, ok := s.seededAt[class+"/"+id]; ok {
		return s.seeded[class][i], nil
	}
	switch class {
	case "sys_user":
		if u, ok := s.userBy(id); ok {
			return s.userRow(u), nil
		}
	case "sys_user_group":
		if g, ok := s.index().groups[id]; ok {
			return s.groupRow(g), nil
		}
	}
	if a, ok := s.assetBy(id); ok && assetClass(a) == class {
		return s.assetRow(a), nil
	}
	if listed(class) {
		for r, err := range s.base(ctx, class) {
			if err != nil || r.id == id {
				return r, err
			}
		}
	}
	return nil, nil
}

// listed are tables in which a row is found by looking at all of them.
func listed(class string) bool {
	switch class {
	case "sys_user_grmember", "sysapproval_approver", "sys_journal_field", "sys_choice", "sys_dictionary", "sys_db_object", "sys_user_has_role":
		return true
	}
	return false
}

// made are the columns that every row has, for one that the seed made.
func (s *Server) made(id string, values map[string]string) map[string]string {
	values["sys_id"] = id
	for k, v := range map[string]string{"sys_created_on": stamp(s.started), "sys_updated_on": stamp(s.started), "sys_created_by": "system", "sys_updated_by": "system", "sys_mod_count": "0"} {
		if values[k] == "" {
			values[k] = v
		}
	}
	return values
}

func (s *Server) userRow(u *user) *record {
	p := u.person
	v := map[string]string{"user_name": u.name, "name": u.display, "first_name": p.GivenName, "last_name": p.Surname, "email": p.Email, "phone": p.Phone,
		"active": strconv.FormatBool(p.Status != world.Disabled), "locked_out": strconv.FormatBool(p.Status == world.Locked), "roles": "", "sys_class_name": "sys_user",
		"web_service_access_only": strconv.FormatBool(p.ID == ""), "internal_integration_user": "false", "sys_domain": "global"}
	if u.role != noRole {
		v["roles"] = u.role.String()
	}
	if u.zone != s.zone {
		v["time_zone"] = u.zone.String()
	}
	return &record{class: "sys_user", id: u.id, values: s.made(u.id, v)}
}

func (s *Server) groupRow(g world.Group) *record {
	id := s.idOf("sys_user_group", g.ID)
	return &record{class: "sys_user_group", id: id, values: s.made(id, map[string]string{"name": g.Name, "description": g.Description, "email": g.Email, "active": "true"})}
}

func (s *Server) members(yield func(*record, error) bool) {
	for u := range s.World.Users() {
		for _, g := range u.Groups {
			id := s.idOf("sys_user_grmember", u.ID+"/"+g)
			if !yield(&record{class: "sys_user_grmember", id: id, values: s.made(id, map[string]string{"user": s.personal(u).id, "group": s.idOf("sys_user_group", g)})}, nil) {
				return
			}
		}
	}
}

// assetClasses are the classes of the CMDB by platform; what no class is made for
// is a configuration item.
var assetClasses = map[string]string{"linux": "cmdb_ci_linux_server", "windows": "cmdb_ci_win_server", "unix": "cmdb_ci_unix_server", "solaris": "cmdb_ci_unix_server",
	"aix": "cmdb_ci_unix_server", "hpux": "cmdb_ci_unix_server", "esx": "cmdb_ci_esx_server", "esxi": "cmdb_ci_esx_server", "cisco-ios": "cmdb_ci_netgear", "cisco-nxos": "cmdb_ci_netgear",
	"juniper-junos": "cmdb_ci_netgear", "router": "cmdb_ci_ip_router", "switch": "cmdb_ci_ip_switch", "firewall": "cmdb_ci_ip_firewall"}

func assetClass(a world.Asset) string {
	if c, ok := assetClasses[world.Fold(a.Platform)]; ok {
		return c
	}
	return "cmdb_ci"
}

func (s *Server) assetRow(a world.Asset) *record {
	id := s.idOf("cmdb_ci", a.ID)
	class := assetClass(a)
	v := map[string]string{"name": a.Name, "short_description": a.Description, "sys_class_name": class, "install_status": "1", "operational_status": "1", "sys_domain": "global", "sys_domain_path": "/"}
	if a.Address.IsValid() {
		v["ip_address"] = a.Address.String()
	}
	if len(a.Hostnames) > 0 {
		v["fqdn"], v["host_name"] = a.Hostnames[0], a.Name
	}
	if s.dict.Extends(class, "cmdb_ci_computer") {
		v["os"] = a.Platform
	}
	return &record{class: class, id: id, values: s.made(id, v)}
}

// ofTickets yields what tickets have many of: approvers or journal entries.
func (s *Server) ofTickets(ctx context.Context, class string, yield func(*record, error) bool) {
	for t, err := range s.Tickets.All(ctx, s.settings.System) {
		if err != nil {
			yield(nil, err)
			return
		}
		if class == "sysapproval_approver" {
			for _, a := range t.Approvers {
				if !yield(s.approverRow(&t, a), nil) {
					return
				}
			}
			continue
		}
		for _, n := range t.Notes {
			if !yield(s.noteRow(&t, n), nil) {
				return
			}
		}
	}
}

// approverRow is one person who is asked about a ticket.
func (s *Server) approverRow(t *ticket.Ticket, a ticket.Approver) *record {
	class, task := s.classOf(t), s.ticketID(t)
	id := s.idOf("sysapproval_approver", task+"/"+world.Fold(a.User))
	v := map[string]string{"approver": s.userID(a.User), "sysapproval": task, "source_table": class, "document_id": task, "state": a.Decision, "comments": a.Comment,
		"sys_created_on": stamp(t.CreatedAt), "sys_updated_on": stamp(t.UpdatedAt)}
	if a.Decision == "" {
		v["state"] = "requested"
		if t.State == ticket.Draft {
			v["state"] = "not requested"
		} else if t.State.Final() {
			v["state"] = "cancelled"
		}
	} else {
		v["sys_updated_on"], v["sys_updated_by"] = stamp(a.At), a.User
	}
	return &record{class: "sysapproval_approver", id: id, values: s.made(id, v)}
}

// elements are the journal fields by what the world calls their entries.
var elements = map[string]string{"comment": "comments", "worklog": "work_notes"}

// noteRow is one entry of a ticket's journal.
func (s *Server) noteRow(t *ticket.Ticket, n ticket.Note) *record {
	task := s.ticketID(t)
	id := s.idOf("sys_journal_field", task+"/"+strconv.Itoa(n.ID))
	v := map[string]string{"name": s.classOf(t), "element": elements[n.Kind], "element_id": task, "value": n.Text, "sys_created_by": n.Author, "sys_created_on": stamp(n.At),
		"sys_updated_by": n.Author, "sys_updated_on": stamp(n.At)}
	return &record{class: "sys_journal_field", id: id, values: s.made(id, v)}
}

// approverOf finds the ticket and the person that a row of sysapproval_approver
// stands for.
func (s *Server) approverOf(ctx context.Context, r *record) (t ticket.Ticket, person string, err error) {
	task, err := s.find(ctx, "task", r.values["sysapproval"])
	if err != nil {
		return ticket.Ticket{}, "", err
	}
	return task.ticket.Ticket, s.worldName(r.values["approver"]), nil
}
