package ldap

import (
	"errors"
	"fmt"
	"strconv"

	goldap "github.com/go-ldap/ldap/v3"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/state"
	"counterpart/servers/ldap/internal/dir"
	"counterpart/servers/ldap/internal/dn"
	"counterpart/servers/ldap/internal/filter"
	"counterpart/servers/ldap/internal/proto"
)

// This file is the only place where causes become result codes and texts.

// result is an answer with a code and a diagnostic message.
func result(code uint16, text string) proto.Result { return proto.Result{Code: code, Text: text} }

func success() proto.Result { return proto.Result{} }

// statusOf names a result code for the journal: "49 Invalid Credentials".
func statusOf(code uint16) string {
	if name := goldap.LDAPResultCodeMap[code]; name != "" {
		return strconv.Itoa(int(code)) + " " + name
	}
	return strconv.Itoa(int(code))
}

// adText are Active Directory's diagnostic messages. Their error numbers and
// sentences are well known; the DSIDs differ between builds of Windows, and
// clients match neither. Everything unverified about them is here.
var adText = map[string]string{
	"bind":           "80090308: LdapErr: DSID-0C090400, comment: AcceptSecurityContext error, data %s, v1db1\x00",
	"signing":        "00002028: LdapErr: DSID-0C09023B, comment: The server requires binds to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, v3839\x00",
	"anonymous":      "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v3839\x00",
	"no object":      "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'%s'\n\x00",
	"bad name":       "0000208F: NameErr: DSID-0310023C, problem 2006 (BAD_NAME), data 8350, best match of:\n\t'%s'\n\x00",
	"cleartext":      "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00",
	"wrong password": "00000056: AtrErr: DSID-03190FD7, #1:\n\t0: 00000056: DSID-03190FD7, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\x00",
	"weak change":    "0000052D: AtrErr: DSID-03191083, #1:\n\t0: 0000052D: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\x00",
	"weak reset":     "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00",
	"no quotes":      "0000216C: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00",
	"rights":         "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\x00",
	"no attribute":   "00000057: LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation, data 0, v3839\x00",
	"unwilling":      "0000209A: SvcErr: DSID-031A1021, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00",
	"extension":      "0000203D: LdapErr: DSID-0C090D7D, comment: Unknown extended request OID, data 0, v3839\x00",
	"control":        "00000057: LdapErr: DSID-0C090A22, comment: Error processing control, data 0, v3839\x00",
	"mechanism":      "00002027: LdapErr: DSID-0C090541, comment: Invalid Authentication method, data 0, v3839\x00",
	"unwilling page": "00002040: SvcErr: DSID-031401E7, problem 5010 (UNAVAIL_EXTENSION), data 0\n\x00",
}

// families are the forms of AD's messages by result code: who speaks, and the
// problem's number and name. The DSIDs are those of some builds, see above.
var families = map[uint16]struct {
	family  string
	dsid    uint32
	problem string
}{
	goldap.LDAPResultOperationsError:        {"SysErr", 0x031A1242, "22 (Invalid argument)"},
	goldap.LDAPResultNoSuchAttribute:        {"AtrErr", 0x03152804, "1001 (NO_ATTRIBUTE_OR_VAL)"},
	goldap.LDAPResultUndefinedAttributeType: {"AtrErr", 0x03152804, "1003 (UNDEFINED_ATT_TYPE)"},
	goldap.LDAPResultConstraintViolation:    {"AtrErr", 0x03152804, "1005 (CONSTRAINT_ATT_TYPE)"},
	goldap.LDAPResultAttributeOrValueExists: {"AtrErr", 0x03151785, "1006 (ATT_OR_VALUE_EXISTS)"},
	goldap.LDAPResultNamingViolation:        {"NameErr", 0x0305109C, "2005 (NAMING_VIOLATION)"},
	goldap.LDAPResultObjectClassViolation:   {"UpdErr", 0x0315166D, "6002 (OBJ_CLASS_VIOLATION)"},
	goldap.LDAPResultNotAllowedOnNonLeaf:    {"UpdErr", 0x031A1105, "6003 (CANT_ON_NON_LEAF)"},
	goldap.LDAPResultNotAllowedOnRDN:        {"UpdErr", 0x031A1295, "6004 (CANT_ON_RDN)"},
	goldap.LDAPResultEntryAlreadyExists:     {"UpdErr", 0x031A11E2, "6005 (ENTRY_EXISTS)"},
	goldap.LDAPResultUnwillingToPerform:     {"SvcErr", 0x031A1248, "5003 (WILL_NOT_PERFORM)"},
}

// invalidParameter is the Windows error that the conversion of an attribute has.
const invalidParameter = 0x57

// broken is AD's answer to a write that breaks a rule.
func (s *server) broken(b *dir.Breach) proto.Result {
	r := proto.Result{Code: b.Rule.Code}
	f, ok := families[r.Code]
	conversion := b.Rule.Win == invalidParameter && (f.family == "AtrErr" || r.Code == goldap.LDAPResultInvalidAttributeSyntax)
	switch {
	case !ok || conversion && r.Code != goldap.LDAPResultConstraintViolation:
		r.Text = adText["no attribute"]
	case f.family == "AtrErr":
		r.Text = fmt.Sprintf("%08X: AtrErr: DSID-%08X, #1:\n\t0: %08X: DSID-%08X, problem %s, data 0", b.Rule.Win, f.dsid, b.Rule.Win, f.dsid, f.problem)
		if b.Attr != nil {
			r.Text += fmt.Sprintf(", Att %x (%s)", b.Attr.Internal(), b.Attr.Name)
		}
		r.Text += "\n\x00"
	case f.family == "NameErr":
		r.Text = fmt.Sprintf("%08X: NameErr: DSID-%08X, problem %s, data 0, best match of:\n\t''\n\x00", b.Rule.Win, f.dsid, f.problem)
	default:
		r.Text = fmt.Sprintf("%08X: %s: DSID-%08X, problem %s, data 0\n\x00", b.Rule.Win, f.family, f.dsid, f.problem)
	}
	return r
}

// text chooses between the flavours' words.
func (s *server) text(openldap, ad string) string {
	if s.set.ad() {
		return adText[ad]
	}
	return openldap
}

// dataCodes are the sub-codes of AD's error 49 by cause (contract section 2.4).
var dataCodes = map[cause.Cause]string{
	cause.WrongPassword: "52e", cause.Disabled: "533", cause.Locked: "775", cause.AccountExpired: "701",
	cause.PasswordExpired: "532", cause.MustChange: "773", errLogonHours: "530", errWorkstation: "531",
}

// Reasons that only AD knows, about logonHours and userWorkstations.
const (
	errLogonHours  cause.Cause = "not allowed at this hour"
	errWorkstation cause.Cause = "not allowed from this workstation"
)

// bindRefused is the answer to a bind that the world refuses. OpenLDAP tells
// nobody why.
func (s *server) bindRefused(err error) proto.Result {
	reason, ok := cause.Of(err)
	if !ok {
		return s.failed(err)
	}
	if !s.set.ad() {
		return result(goldap.LDAPResultInvalidCredentials, "")
	}
	code := dataCodes[reason]
	if reason == cause.UnknownUser {
		code = s.set.UserNotFound
	}
	if code == "" {
		code = "52e"
	}
	return result(goldap.LDAPResultInvalidCredentials, fmt.Sprintf(adText["bind"], code))
}

// noSuchObject is the answer for a name that is not there.
func (s *server) noSuchObject(snap *dir.Snapshot, matched dir.ID) proto.Result {
	r := proto.Result{Code: goldap.LDAPResultNoSuchObject}
	if matched != dir.None {
		r.Matched = snap.DN(matched)
	}
	if s.set.ad() {
		r.Text = fmt.Sprintf(adText["no object"], r.Matched)
	}
	return r
}

// violations are the answers to refusals by cause. What the directory refuses in
// AD breaks a rule of its own, see broken.
var violations = map[error]struct {
	code uint16
	ad   string
}{
	dir.ErrNoSuchAttribute:  {goldap.LDAPResultNoSuchAttribute, ""},
	dir.ErrUndefinedType:    {goldap.LDAPResultUndefinedAttributeType, ""},
	dir.ErrValueExists:      {goldap.LDAPResultAttributeOrValueExists, ""},
	dir.ErrSyntax:           {goldap.LDAPResultInvalidAttributeSyntax, ""},
	dir.ErrConstraint:       {goldap.LDAPResultConstraintViolation, ""},
	dir.ErrClass:            {goldap.LDAPResultObjectClassViolation, ""},
	dir.ErrNaming:           {goldap.LDAPResultNamingViolation, ""},
	dir.ErrOnRDN:            {goldap.LDAPResultNotAllowedOnRDN, ""},
	dir.ErrExists:           {goldap.LDAPResultEntryAlreadyExists, ""},
	dir.ErrNonLeaf:          {goldap.LDAPResultNotAllowedOnNonLeaf, ""},
	dir.ErrMatching:         {goldap.LDAPResultInappropriateMatching, "no attribute"},
	dir.ErrFull:             {goldap.LDAPResultAdminLimitExceeded, "unwilling"},
	dir.ErrUnwilling:        {goldap.LDAPResultUnwillingToPerform, ""},
	dn.ErrSyntax:            {goldap.LDAPResultInvalidDNSyntax, "bad name"},
	filter.ErrSize:          {goldap.LDAPResultAdminLimitExceeded, "unwilling"},
	filter.ErrConstructed:   {goldap.LDAPResultInappropriateMatching, "no attribute"},
	state.ErrUnavailable:    {goldap.LDAPResultUnavailable, "unwilling"},
	errInsufficient:         {goldap.LDAPResultInsufficientAccessRights, "rights"},
	errReadOnly:             {goldap.LDAPResultUnwillingToPerform, "unwilling"},
	errCleartextPassword:    {goldap.LDAPResultUnwillingToPerform, "cleartext"},
	errQuotes:               {goldap.LDAPResultUnwillingToPerform, "no quotes"},
	cause.NotAllowed:        {goldap.LDAPResultInsufficientAccessRights, "rights"},
	cause.WeakPassword:      {goldap.LDAPResultConstraintViolation, "weak change"},
	cause.PasswordInUse:     {goldap.LDAPResultConstraintViolation, "weak change"},
	cause.WrongPassword:     {goldap.LDAPResultConstraintViolation, "wrong password"},
	cause.Locked:            {goldap.LDAPResultConstraintViolation, "wrong password"},
	cause.Disabled:          {goldap.LDAPResultConstraintViolation, "wrong password"},
	cause.AccountExpired:    {goldap.LDAPResultConstraintViolation, "wrong password"},
	errAssertion:            {goldap.LDAPResultAssertionFailed, "unwilling"},
	errUnauthenticatedWrite: {goldap.LDAPResultStrongAuthRequired, "rights"},
}

// The server's own reasons.
var (
	errInsufficient         = errors.New("")
	errReadOnly             = errors.New("operation restricted")
	errCleartextPassword    = errors.New("passwords are written on encrypted connections only")
	errQuotes               = errors.New("the password is not quoted UTF-16")
	errAssertion            = errors.New("")
	errUnauthenticatedWrite = errors.New("modifications require authentication")
	errInternal             = errors.New("internal error")
)

// failed is the answer to any other error.
func (s *server) failed(err error) proto.Result {
	if b := dir.Broken(err); b != nil && s.set.ad() {
		return s.broken(b)
	}
	for known, v := range violations {
		if !errors.Is(err, known) {
			continue
		}
		r := proto.Result{Code: v.code, Text: wording(err)}
		if s.set.ad() {
			r.Text = adText[v.ad]
			if v.ad == "bad name" {
				r.Text = fmt.Sprintf(r.Text, "")
			}
		}
		return r
	}
	return result(goldap.LDAPResultOther, errInternal.Error())
}

// wording is what OpenLDAP says: a detail where the directory gave one, never
// what a Refusal keeps for the operator.
func wording(err error) string {
	var detail *dir.Detail
	if errors.As(err, &detail) {
		return detail.Text
	}
	switch {
	case errors.Is(err, cause.WeakPassword):
		return "Password fails quality checking policy"
	case errors.Is(err, cause.PasswordInUse):
		return "Password is in history of old passwords"
	case errors.Is(err, dn.ErrSyntax):
		return "invalid DN"
	case errors.Is(err, dir.ErrFull), errors.Is(err, filter.ErrSize):
		return "administrative limit exceeded"
	case errors.Is(err, state.ErrUnavailable):
		return "the directory's store is unavailable"
	case errors.Is(err, errReadOnly), errors.Is(err, errUnauthenticatedWrite):
		return err.Error()
	}
	return ""
}
