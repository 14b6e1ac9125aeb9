package servicenow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"counterpart/servers/servicenow/internal/dict"
)

// Tables about the tables: what sys_dictionary, sys_choice and sys_db_object say
// follows from the dictionary, so that it is true.

// fieldRows yields sys_dictionary: one row for each table and one for each column,
// under the table that declares it.
func (s *Server) fieldRows(yield func(*record, error) bool) {
	for _, name := range s.dict.Tables() {
		t, _ := s.dict.Table(name)
		row := map[string]string{"name": name, "internal_type": "collection", "active": "true", "read_only": "false", "mandatory": "false"}
		if !yield(s.stored("sys_dictionary", name, row), nil) {
			return
		}
		for _, column := range t.Fields() {
			f, _ := t.Field(column)
			if f.Owner == name && !yield(s.fieldRow(t, f), nil) {
				return
			}
		}
	}
}

// types are the vendor's names of what fields hold, with their usual length.
var types = map[dict.Type]struct{ name, length string }{dict.Text: {"string", "255"}, dict.Integer: {"integer", "40"}, dict.Boolean: {"boolean", "40"},
	dict.DateTime: {"glide_date_time", "40"}, dict.Date: {"glide_date", "40"}, dict.Reference: {"reference", "32"}, dict.ID: {"GUID", "32"}, dict.Journal: {"journal_input", "4000"}}

func (s *Server) fieldRow(t *dict.Table, f *dict.Field) *record {
	kind := types[f.Type]
	row := map[string]string{"name": t.Name, "element": f.Name, "column_label": label(f.Name), "internal_type": kind.name, "reference": f.Table, "max_length": kind.length,
		"mandatory": "false", "read_only": strconv.FormatBool(strings.HasPrefix(f.Name, "sys_")), "active": "true", "display": strconv.FormatBool(f.Name == t.DisplayBy),
		"primary": strconv.FormatBool(f.Type == dict.ID), "unique": strconv.FormatBool(f.Type == dict.ID), "array": "false", "virtual": "false", "choice": "0"}
	if f.Name == "sys_class_name" {
		row["internal_type"] = "sys_class_name"
	} else if f.Choices != nil {
		row["choice"] = "1"
	}
	return s.stored("sys_dictionary", t.Name+"."+f.Name, row)
}

// label is what people call a column: its name in words.
func label(name string) string {
	words := strings.ReplaceAll(strings.TrimPrefix(name, "u_"), "_", " ")
	if words == "" {
		return name
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// choiceRows yields sys_choice: the choices of a column under the table that
// declares it, and under each that has others.
func (s *Server) choiceRows(yield func(*record, error) bool) {
	for _, name := range s.dict.Tables() {
		t, _ := s.dict.Table(name)
		above, _ := s.dict.Table(t.Parent)
		for _, column := range t.Fields() {
			f, _ := t.Field(column)
			if f.Choices == nil || column == "sys_class_name" {
				continue
			}
			if above != nil {
				if same, ok := above.Field(column); ok && slices.Equal(same.Choices, f.Choices) {
					continue
				}
			}
			for i, c := range f.Choices {
				row := map[string]string{"name": name, "element": column, "value": c.Value, "label": c.Label, "language": "en", "sequence": strconv.Itoa(i), "inactive": "false"}
				if !yield(s.stored("sys_choice", name+"."+column+"."+c.Value, row), nil) {
					return
				}
			}
		}
	}
}

// tableRow is a row of sys_db_object.
func (s *Server) tableRow(name string) *record {
	t, _ := s.dict.Table(name)
	row := map[string]string{"name": name, "label": t.Label, "is_extendable": "true", "access": "public", "sys_class_name": "sys_db_object"}
	if t.Parent != "" {
		row["super_class"] = s.idOf("sys_db_object", t.Parent)
	}
	return s.stored("sys_db_object", name, row)
}

// roleRow is the role that a user has.
func (s *Server) roleRow(u *user) *record {
	return s.stored("sys_user_has_role", u.name, map[string]string{"user": u.id, "role": s.idOf("sys_user_role", u.role.String()), "inherited": "false", "state": "active"})
}

// stored is a row that the seed made, named by what makes it one of a kind.
func (s *Server) stored(class, name string, values map[string]string) *record {
	id := s.idOf(class, name)
	return &record{class: class, id: id, values: s.made(id, values)}
}

// furnish plants the rows that every instance has: roles, the company, where it
// is, models of changes, kinds of relations, templates, the catalog.
func (s *Server) furnish() {
	company := cmp.Or(s.World.Organization().Name, s.settings.Instance)
	for _, row := range []struct {
		class string
		rows  []map[string]string
	}{
		{"sys_user_role", []map[string]string{{"name": "itil", "description": "Can work on tickets."}, {"name": "admin", "description": "May do everything."},
			{"name": "snc_internal", "description": "Everybody who works here."}, {"name": "rest_service", "description": "May call the REST API."}}},
		{"core_company", []map[string]string{{"name": company, "primary": "true", "customer": "false", "vendor": "false", "manufacturer": "false"}}},
		{"cmn_location", []map[string]string{{"name": "Headquarters", "full_name": "Headquarters", "company": s.idOf("core_company", company)}}},
		{"cmn_department", []map[string]string{{"name": "IT", "id": "it", "company": s.idOf("core_company", company)}}},
		{"chg_model", []map[string]string{{"name": "Normal", "active": "true", "state_field": "state"}, {"name": "Standard", "active": "true", "state_field": "state"},
			{"name": "Emergency", "active": "true", "state_field": "state"}}},
		{"cmdb_rel_type", []map[string]string{relation("Runs on::Runs"), relation("Depends on::Used by"), relation("Contains::Contained by"), relation("Hosted on::Hosts"),
			relation("Connects to::Connected by"), relation("Members::Member of"), relation("Cluster of::Cluster"), relation("Virtualized by::Virtualizes")}},
		{"std_change_producer", []map[string]string{{"name": "Restart a service", "active": "true", "state": "published", "current_version": s.idOf("std_change_producer_version", "Restart a service - 1")}}},
		{"std_change_producer_version", []map[string]string{{"name": "Restart a service - 1", "version": "1", "std_change_producer": s.idOf("std_change_producer", "Restart a service"),
			"published": stamp(s.started), "change_count": "0"}}},
		{"sc_catalog", []map[string]string{{"title": "Service Catalog", "active": "true"}}},
		{"kb_knowledge_base", []map[string]string{{"title": "Knowledge", "active": "true"}}},
	} {
		t, _ := s.dict.Table(row.class)
		for _, v := range row.rows {
			s.keep(s.stored(row.class, v[t.DisplayBy], v))
		}
	}
}

// relation is a kind of relation by its two ends.
func relation(name string) map[string]string {
	parent, child, _ := strings.Cut(name, "::")
	return map[string]string{"name": name, "parent_descriptor": parent, "child_descriptor": child}
}

// keep adds a row that the seed has.
func (s *Server) keep(r *record) {
	s.seededAt[r.class+"/"+r.id] = len(s.seeded[r.class])
	s.seeded[r.class] = append(s.seeded[r.class], r)
}

// plant turns the rows of the block, of its tables and its records, into rows, with
// what is wrong with them.
func (s *Server) plant() error {
	s.furnish()
	for i, t := range s.settings.Tables {
		for j, given := range t.Rows {
			if err := s.plantRow(t.Name, fmt.Sprintf("tables[%d].rows[%d]", i, j), given); err != nil {
				return err
			}
		}
	}
	for _, class := range slices.Sorted(maps.Keys(s.settings.Records)) {
		for i, given := range s.settings.Records[class] {
			if err := s.plantRow(class, fmt.Sprintf("records.%s[%d]", class, i), given); err != nil {
				return err
			}
		}
	}
	return nil
}
