package query

import (
	"strings"
	"testing"
	"time"
)

var fields = map[string]Kind{"number": String, "name": String, "state": Number, "count": Number, "active": Boolean, "when": DateTime, "until": DateTime,
	"day": Date, "assigned_to": Reference, "assigned_to.user_name": String, "sys_id": ID, "a": String, "b": String, "empty": String, "none": Boolean, "never": DateTime}

func source() Source {
	return Source{Kind: func(p string) (Kind, bool) { k, ok := fields[p]; return k, ok },
		Now: time.Date(2026, 1, 15, 12, 30, 0, 0, time.UTC), UserID: "aa", UserName: "alice"}
}

// sample is a Thursday's row.
var sample = map[string]string{"number": "CHG0000038", "name": "Alpha Beta", "state": "-1", "count": "10", "active": "true", "when": "2026-01-15 12:00:00",
	"until": "2026-01-18 12:00:00", "day": "2026-01-15", "assigned_to": "aa", "assigned_to.user_name": "alice", "sys_id": "ff00", "a": "1", "b": "2"}

func row(values map[string]string) Row {
	return Row{Value: func(f string) string { return values[f] }, Display: func(f string) string {
		if f == "assigned_to" && values[f] == "aa" {
			return "Alice Adams"
		}
		return values[f]
	}}
}

func match(s Source, text string, values map[string]string) bool {
	return Compile(Parse(text), s).Match(row(values))
}

// TestOperators has each operator on each type it is listed for, once so that it
// holds and once so that it does not.
func TestOperators(t *testing.T) {
	for _, c := range []struct{ yes, no string }{
		{"number=chg0000038", "number=CHG0000039"}, {"number!=CHG0000039", "number!=CHG0000038"},
		{"nameLIKEha b", "nameLIKEgamma"}, {"name*beta", "name*gamma"}, {"nameNOT LIKEgamma", "nameNOT LIKEbeta"}, {"name!*gamma", "name!*beta"},
		{"nameSTARTSWITHalpha", "nameSTARTSWITHbeta"}, {"nameENDSWITHbeta", "nameENDSWITHalpha"}, {"name%beta", "name%alpha"},
		{"emptyISEMPTY", "nameISEMPTY"}, {"nameISNOTEMPTY", "emptyISNOTEMPTY"}, {"emptyEMPTYSTRING", "nameEMPTYSTRING"}, {"nameANYTHING", "nameANYTHING^number=x"},
		{"name<=alpha z", "name<=a"}, {"name>=alpha", "name>=b"}, {"nameBETWEENa@b", "nameBETWEENb@c"}, {"numberSAMEASnumber", "numberSAMEASname"}, {"numberNSAMEASname", "numberNSAMEASnumber"},
		{"numberINCHG0000038,CHG1", "numberINCHG1,CHG2"}, {"numberNOT INCHG1,CHG2", "numberNOT INCHG0000038"},
		{"assigned_to=AA", "assigned_to=alice"}, {"assigned_to!=bb", "assigned_to!=aa"}, {"assigned_toLIKElice", "assigned_toLIKEbob"}, {"assigned_toNOT LIKEbob", "assigned_toNOT LIKEalice"},
		{"assigned_toSTARTSWITHalice", "assigned_toSTARTSWITHadams"}, {"assigned_toENDSWITHadams", "assigned_toENDSWITHalice"}, {"assigned_toISNOTEMPTY", "assigned_toISEMPTY"},
		{"assigned_toDYNAMIC" + dynamicMe, "assigned_toDYNAMIC" + dynamicMe + "^number=x"}, {"assigned_to.user_name=alice", "assigned_to.user_name=bob"},
		{"assigned_to=javascript:gs.getUserID()", "assigned_to!=javascript:gs.getUserID()"}, {"assigned_to.user_name=javascript:gs.getUserName()", "name=javascript:gs.getUserName()"},
		{"state=-1", "state=1"}, {"state!=0", "state!=-1"}, {"stateIN-1,-2", "stateIN1,2"}, {"stateNOT IN1,2", "stateNOT IN-1,0"}, {"count<11", "count<9"}, {"count>9", "count>10"},
		{"count<=10", "count<=9"}, {"count>=9", "count>=11"}, {"countBETWEEN9@11", "countBETWEEN1@9"}, {"countISNOTEMPTY", "countISEMPTY"}, {"count=10.0", "count=9"},
		{"countGT_FIELDstate", "stateGT_FIELDcount"}, {"stateLT_FIELDcount", "countLT_FIELDstate"}, {"countGT_OR_EQUALS_FIELDcount", "stateGT_OR_EQUALS_FIELDcount"}, {"countLT_OR_EQUALS_FIELDcount", "countLT_OR_EQUALS_FIELDstate"},
		{"active=true", "active=false"}, {"active!=false", "active!=true"}, {"none!=true", "none=true"}, {"noneISEMPTY", "activeISEMPTY"}, {"activeISNOTEMPTY", "noneISNOTEMPTY"}, {"active=1", "active=0"},
		{"when<2026-01-15 12:00:01", "when<2026-01-15 12:00:00"}, {"when<=2026-01-15 12:00:00", "when<=2026-01-15"}, {"when>2026-01-15", "when>2026-01-15 12:00:00"}, {"when>=2026-01-15 12:00:00", "when>=2026-01-16"},
		{"whenBETWEENjavascript:gs.dateGenerate('2026-01-15','00:00:00')@javascript:gs.dateGenerate('2026-01-15','23:59:59')", "whenBETWEEN2026-01-16@2026-01-17"},
		{`whenBETWEENjavascript:gs.dateGenerate("2026-01-15 00:00:00")@javascript:gs.dateGenerate("2026-01-15 23:59:59")`, `whenBETWEENjavascript:gs.dateGenerate("2026-01-16 00:00:00")@javascript:gs.dateGenerate("2026-01-17 23:59:59")`},
		{"whenONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()", "whenONYesterday@javascript:gs.beginningOfYesterday()@javascript:gs.endOfYesterday()"},
		{"whenNOTONYesterday@javascript:gs.beginningOfYesterday()@javascript:gs.endOfYesterday()", "whenNOTONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()"}, {"whenONToday", "whenNOTONToday"},
		{"whenRELATIVEGT@hour@ago@1", "whenRELATIVEGT@minute@ago@10"}, {"whenRELATIVEGE@minute@ago@30", "whenRELATIVEGE@minute@ago@29"}, {"whenRELATIVEEE@hour@ahead@0", "whenRELATIVEEE@hour@ago@1"},
		{"whenRELATIVELE@minute@ago@30", "whenRELATIVELE@hour@ago@1"}, {"whenRELATIVELT@minute@ago@29", "whenRELATIVELT@minute@ago@30"}, {"whenRELATIVEEE@dayofweek@ahead@0", "whenRELATIVEEE@dayofweek@ago@1"},
		{"whenRELATIVEGT@month@ago@1", "whenRELATIVEGT@month@ahead@1"}, {"whenRELATIVELT@quarter@ahead@1", "whenRELATIVELT@quarter@ago@1"}, {"whenRELATIVELT@year@ahead@1", "whenRELATIVELT@year@ago@1"},
		{"whenDATEPARTThursday@javascript:gs.datePart('dayofweek','thursday','EE')", "whenDATEPARTMonday@javascript:gs.datePart('dayofweek','monday','EE')"},
		{"whenDATEPARTJanuary@javascript:gs.datePart('month','january','EE')", "whenDATEPART2026@javascript:gs.datePart('year','2026','GT')"},
		{"untilMORETHANwhen@day@after@2", "untilMORETHANwhen@day@after@3"}, {"whenLESSTHANuntil@day@before@4", "whenLESSTHANuntil@day@before@3"}, {"neverISEMPTY", "whenISEMPTY"}, {"when=2026-01-15", "when=2026-01-16"},
		{"when>=javascript:gs.daysAgoStart(0)", "when>=javascript:gs.daysAgoStart(-1)"}, {"when<=javascript:gs.daysAgoEnd(0)", "when<=javascript:gs.daysAgoEnd(1)"}, {"when>javascript:gs.hoursAgoStart(1)", "when>javascript:gs.hoursAgoEnd(1)^when<javascript:gs.hoursAgoEnd(1)"},
		{"when>javascript:gs.minutesAgoStart(31)", "when>javascript:gs.minutesAgoEnd(1)"}, {"when<javascript:gs.nowDateTime()", "when>javascript:gs.nowDateTime()"}, {"day=javascript:gs.now()", "day!=javascript:gs.now()"},
		{"day>=2026-01-15", "day>2026-01-15"}, {"sys_id=FF00", "sys_id=ff"},
	} {
		s := source()
		s.NoRows = true // nothing may have been dropped
		if !match(s, c.yes, sample) {
			t.Errorf("%q does not hold (dropped %q)", c.yes, Compile(Parse(c.yes), s).Dropped)
		}
		if match(s, c.no, sample) {
			t.Errorf("%q holds", c.no)
		}
		if p := Compile(Parse(c.no), s); len(p.Dropped) > 0 {
			t.Errorf("%q: dropped %q", c.no, p.Dropped)
		}
	}
}

func TestSpansAreTheOnesThatClientsName(t *testing.T) {
	for script, want := range map[string]string{
		"beginningOfThisWeek": "2026-01-12 00:00:00", "endOfLastWeek": "2026-01-11 23:59:59", "endOfNextWeek": "2026-01-25 23:59:59", "beginningOfLastMonth": "2025-12-01 00:00:00",
		"endOfThisMonth": "2026-01-31 23:59:59", "beginningOfThisQuarter": "2026-01-01 00:00:00", "endOfNextQuarter": "2026-06-30 23:59:59", "beginningOfLastYear": "2025-01-01 00:00:00",
		"beginningOfLast7Days": "2026-01-08 00:00:00", "endOfLast120Days": "2026-01-15 23:59:59", "beginningOfCurrentHour": "2026-01-15 12:00:00", "endOfLastHour": "2026-01-15 11:59:59",
		"endOfCurrentMinute": "2026-01-15 12:30:59", "beginningOfLast15Minutes": "2026-01-15 12:15:00", "beginningOfTomorrow": "2026-01-16 00:00:00", "endOfNext2Quarters": "2026-09-30 23:59:59",
		"beginningOfOneYearAgo": "2025-01-15 00:00:00", "beginningOfLast3Months": "2025-10-01 00:00:00",
	} {
		s := source()
		s.Zone = time.UTC
		if got, ok := s.resolve("javascript:gs." + script + "()"); !ok || got != want {
			t.Errorf("%s: %s %v, want %s", script, got, ok, want)
		}
	}
}

func TestJoining(t *testing.T) {
	r := func(a, b string) map[string]string { return map[string]string{"a": a, "b": b} }
	for _, c := range []struct {
		query string
		row   map[string]string
		want  bool
	}{
		{"a=1^b=2^ORb=3", r("1", "3"), true}, {"a=1^b=2^ORb=3", r("0", "3"), false}, {"a=1^NQb=3", r("0", "3"), true}, {"a=1^NQb=3^a=2", r("0", "3"), false},
		{"a=1^EQ", r("1", ""), true}, {"^a=1^", r("2", ""), false}, {"a=x^^y", r("x^y", ""), true}, {"a=^b=", r("", ""), true}, {"", r("", ""), true},
		{"ORDERBYa^b=2", r("", "3"), false}, {"a=1^ORDERBYDESCb", r("1", "3"), true},
	} {
		if got := match(source(), c.query, c.row); got != c.want {
			t.Errorf("%q on %v: %v", c.query, c.row, got)
		}
	}
}

func TestWhatIsInvalidIsDroppedOrMatchesNothing(t *testing.T) {
	for _, q := range []string{"nosuch=1", "a", "=1", "a~1", "A=1", "when>rubbish", "count>ten", "aRELATIVEGT@hour@ago@1", "whenRELATIVEGT@eon@ago@1", "a=javascript:eval('1')", "a=javascript:'x^' + gs.now()",
		"JOINtask.number=x.y!a=1", "whenONNever", "aSAMEASnosuch", "emptyISEMPTYx", "assigned_toDYNAMICx", "whenDATEPARTx@javascript:gs.datePart('eon','1','EE')"} {
		lax, strict := source(), source()
		strict.NoRows = true
		if !match(lax, q+"^number=CHG0000038", sample) || match(lax, q+"^number=x", sample) {
			t.Errorf("%q is not dropped while the rest runs", q)
		}
		if match(strict, "number=CHG0000038^"+q, sample) {
			t.Errorf("%q matches under NoRows", q)
		}
	}
	if !match(source(), "RLQUERYtask.parent,>=1^m2m^a=9^ENDRLQUERY^a=1", sample) || match(source(), "RLQUERYx^ENDRLQUERY^a=9", sample) {
		t.Error("a related list query is not dropped as a whole")
	}
	cs := source()
	cs.CaseSensitive = true
	if match(cs, "number=chg0000038", sample) || !match(cs, "number=CHG0000038", sample) {
		t.Error("case")
	}
}

func TestPinned(t *testing.T) {
	for q, want := range map[string]string{"number=A": "A", "active=true^number=A^ORnumber=B": "A,B", "number=A^NQnumberINB,C^a=1": "A,B,C", "number=A^NQa=1": "-", "number=A^ORa=1": "-", "": "-", "numberLIKEA": "-"} {
		values, ok := Compile(Parse(q), source()).Pinned("number")
		got := "-"
		if ok {
			got = strings.Join(values, ",")
		}
		if got != want {
			t.Errorf("%q: %s, want %s", q, got, want)
		}
	}
}

// FuzzQuery demands that no text breaks the parser, that what it keeps is
// bounded, and that a dropped condition never lets fewer rows through under the
// lax setting than the conditions that are left.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"active=true^approval=approved^number=chg0000038", "a=1^NQb=2^ORb=3^ORDERBYDESCa^EQ", "whenONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()",
		"whenRELATIVEGT@hour@ago@2", "a=x^^y", "RLQUERYx^ENDRLQUERY", "whenDATEPARTx@javascript:gs.datePart('month','é','EE')", "NQ^NQ^OR^ORa=1", "whenMORETHANuntil@day@before@99999999999"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := Parse(text)
		n := 0
		for _, b := range q.Branches {
			for _, g := range b {
				for _, c := range g {
					if n++; c.Field == "" || fieldEnd(c.Field) != len(c.Field) {
						t.Errorf("field %q", c.Field)
					}
				}
			}
		}
		if n > maxConditions || len(q.Orders) > maxOrders || len(q.Invalid) > 5 {
			t.Errorf("%d conditions, %d orders", n, len(q.Orders))
		}
		lax, strict := source(), source()
		strict.NoRows = true
		p := Compile(q, lax)
		p.Keys(row(sample))
		if match(strict, text, sample) && !p.Match(row(sample)) {
			t.Errorf("%q matches strictly but not laxly", text)
		}
		if len(p.Dropped) > 0 && match(strict, text, sample) {
			t.Errorf("%q: %q dropped, and it still matches under NoRows", text, p.Dropped)
		}
		if values, ok := p.Pinned("number"); ok && p.Match(row(sample)) {
			found := false
			for _, v := range values {
				found = found || strings.EqualFold(v, sample["number"])
			}
			if !found {
				t.Errorf("%q matches a row that it does not pin: %q", text, values)
			}
		}
	})
}
