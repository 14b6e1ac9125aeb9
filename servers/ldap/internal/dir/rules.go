package dir

import (
	"errors"

	"counterpart/servers/ldap/internal/schema"
)

// Rule is a constraint of Active Directory on originating writes: the result
// code that LDAP answers with, the Windows error in its diagnostic message, and
// the section that states it. Codes without a text in the section are those that
// servers were seen to give.
type Rule struct {
	Code    uint16
	Win     uint32
	Section string
}

// Error implements error.
func (r *Rule) Error() string { return "dir: a rule of " + r.Section + " does not allow this" }

// The rules. Windows' own names of the errors stand behind them. What is certain are
// the codes and numbers that servers were seen to give (0x57 of an unknown attribute,
// 0x209A, 0x2071, 0x2015, 0x2016, 0x2083, 0x2085, 0x207D, 0x2099, 0x20B1, 0x20B5,
// 0x21C7, 0x21C8, 0x523, 0x524, 0x52D, 0x561, 0x562) and the codes of SAM's refusals
// that a Windows server was tested for; which of Windows' numbers goes with each of
// the others is unverified, clients match the code.
var (
	// Attributes and values.
	ruleUnknown     = &Rule{16, 0x57, "MS-ADTS 3.1.1.5.2.2"}   // INVALID_PARAMETER
	ruleSyntax      = &Rule{21, 0x57, "MS-ADTS 3.1.1.5.2.2"}   // INVALID_PARAMETER
	ruleMissing     = &Rule{16, 0x2085, "MS-ADTS 3.1.1.5.3.2"} // DS_CANT_REM_MISSING_ATT_VAL
	ruleValueExists = &Rule{20, 0x2083, "MS-ADTS 3.1.1.5.3.2"} // DS_ATT_VAL_ALREADY_EXISTS
	ruleSingle      = &Rule{19, 0x2081, "MS-ADTS 3.1.1.5.2.2"} // DS_SINGLE_VALUE_CONSTRAINT
	ruleSecond      = &Rule{20, 0x2081, "MS-ADTS 3.1.1.5.3.2"} // the same, of a value beside one that is there
	ruleRange       = &Rule{19, 0x2082, "MS-ADTS 3.1.1.5.2.2"} // DS_RANGE_CONSTRAINT
	ruleEmpty       = &Rule{19, 0x57, "MS-ADTS 3.1.1.5.2.2"}   // an attribute without a value
	ruleReference   = &Rule{19, 0x20B5, "MS-ADTS 3.1.1.5.2.2"} // DS_NAME_REFERENCE_INVALID
	ruleBacklink    = &Rule{53, 0x209A, "MS-ADTS 3.1.1.5.3.2"} // a back link is the server's
	ruleOwned       = &Rule{53, 0x209A, "MS-ADTS 3.1.1.5.3.2"} // DS_ATTRIBUTE_OWNED_BY_SAM
	ruleComputed    = &Rule{19, 0x211B, "MS-ADTS 3.1.1.5.3.2"} // DS_CONSTRUCTED_ATT_MOD
	ruleComputedAdd = &Rule{17, 0x211B, "MS-ADTS 3.1.1.5.2.2"} // the same on add
	ruleSystem      = &Rule{19, 0x20B1, "MS-ADTS 3.1.1.5.3.2"} // DS_CANT_MOD_SYSTEM_ONLY
	ruleSystemAdd   = &Rule{19, 0x20A6, "MS-ADTS 3.1.1.5.2.2"} // DS_CANT_ADD_SYSTEM_ONLY
	ruleInstance    = &Rule{53, 0x2079, "MS-ADTS 3.1.1.5.2.2"} // DS_BAD_INSTANCE_TYPE
	ruleConstraint  = &Rule{19, 0x202F, "MS-ADTS 3.1.1.5.3.2"} // DS_CONSTRAINT_VIOLATION

	// Classes and names.
	ruleRequired   = &Rule{65, 0x207C, "MS-ADTS 3.1.1.5.2.2"} // DS_MISSING_REQUIRED_ATT
	ruleNotAllowed = &Rule{65, 0x207D, "MS-ADTS 3.1.1.5.2.2"} // DS_ATT_NOT_DEF_FOR_CLASS
	ruleNoClass    = &Rule{65, 0x2094, "MS-ADTS 3.1.1.5.2.2"} // DS_OBJECT_CLASS_REQUIRED
	ruleSubclass   = &Rule{65, 0x207B, "MS-ADTS 3.1.1.5.2.2"} // DS_OBJ_CLASS_NOT_SUBCLASS
	ruleAbstract   = &Rule{53, 0x20C3, "MS-ADTS 3.1.1.5.2.2"} // DS_CLASS_MUST_BE_CONCRETE
	ruleSystemCl   = &Rule{53, 0x20A6, "MS-ADTS 3.1.1.5.2.2"} // DS_CANT_ADD_SYSTEM_ONLY
	ruleCategory   = &Rule{65, 0x207D, "MS-ADTS 3.1.1.5.2.2"} // objectCategory names no class
	ruleSuperior   = &Rule{64, 0x2099, "MS-ADTS 3.1.1.5.2.2"} // DS_ILLEGAL_SUPERIOR
	ruleRDN        = &Rule{64, 0x2073, "MS-ADTS 3.1.1.5.2.2"} // DS_RDN_DOESNT_MATCH_SCHEMA
	ruleOnRDN      = &Rule{67, 0x2016, "MS-ADTS 3.1.1.5.3.2"} // DS_CANT_ON_RDN
	ruleTaken      = &Rule{68, 0x2071, "MS-ADTS 3.1.1.5.2.2"} // DS_OBJ_STRING_NAME_EXISTS
	ruleNonLeaf    = &Rule{66, 0x2015, "MS-ADTS 3.1.1.5.5.3"} // DS_CANT_ON_NON_LEAF
	ruleNoDelete   = &Rule{53, 0x20CE, "MS-ADTS 3.1.1.5.5.3"} // DS_CANT_DELETE: systemFlags
	ruleUnwilling  = &Rule{53, 0x2077, "MS-ADTS 3.1.1.5.3.2"} // DS_ILLEGAL_MOD_OPERATION
	ruleCritical   = &Rule{53, 0x55B, "MS-ADTS 3.1.1.5.5.3"}  // SPECIAL_ACCOUNT: isCriticalSystemObject

	// The security account manager's.
	ruleUserExists        = &Rule{68, 0x524, "MS-SAMR 3.1.1.6 (sAMAccountName unique)"} // USER_EXISTS
	ruleGroupExists       = &Rule{68, 0x526, "MS-SAMR 3.1.1.6 (sAMAccountName unique)"} // GROUP_EXISTS
	ruleAliasExists       = &Rule{68, 0x563, "MS-SAMR 3.1.1.6 (sAMAccountName unique)"} // ALIAS_EXISTS
	ruleName              = &Rule{1, 0x523, "MS-SAMR 3.1.1.6 (sAMAccountName)"}         // INVALID_ACCOUNT_NAME
	ruleUPN               = &Rule{19, 0x21C8, "MS-ADTS 3.1.1.5.1.3"}                    // DS_UPN_VALUE_NOT_UNIQUE_IN_FOREST
	ruleSPN               = &Rule{19, 0x21C7, "MS-ADTS 3.1.1.5.1.3"}                    // DS_SPN_VALUE_NOT_UNIQUE_IN_FOREST
	rulePassword          = &Rule{53, 0x52D, "MS-SAMR 3.1.1.8 (userAccountControl)"}    // PASSWORD_RESTRICTION
	ruleControl           = &Rule{53, 0x57, "MS-SAMR 3.1.1.8 (userAccountControl)"}     // INVALID_PARAMETER
	ruleGroupType         = &Rule{53, 0x2141, "MS-SAMR 3.1.1.8 (groupType)"}            // DS_INVALID_GROUP_TYPE
	ruleNeeded            = &Rule{53, 0x57, "MS-SAMR 3.1.1.6 (attributes that stay)"}   // INVALID_PARAMETER
	rulePrimary           = &Rule{53, 0x529, "MS-SAMR 3.1.1.8 (primaryGroupID)"}        // MEMBER_NOT_IN_GROUP
	rulePrimaryOf         = &Rule{68, 0x55E, "MS-SAMR 3.1.1.8 (primaryGroupID)"}        // MEMBERS_PRIMARY_GROUP
	ruleMember            = &Rule{68, 0x562, "MS-SAMR 3.1.1.8 (member)"}                // MEMBER_IN_ALIAS
	ruleLocalInGlobal     = &Rule{53, 0x2144, "MS-SAMR 3.1.1.8 (member)"}               // DS_GLOBAL_CANT_HAVE_LOCAL_MEMBER
	ruleUniversalInGlobal = &Rule{53, 0x2145, "MS-SAMR 3.1.1.8 (member)"}               // DS_GLOBAL_CANT_HAVE_UNIVERSAL_MEMBER
	ruleLocalInUniversal  = &Rule{53, 0x2146, "MS-SAMR 3.1.1.8 (member)"}               // DS_UNIVERSAL_CANT_HAVE_LOCAL_MEMBER
	ruleNoMember          = &Rule{53, 0x561, "MS-SAMR 3.1.1.8 (member)"}                // MEMBER_NOT_IN_ALIAS
)

// general are the rules behind refusals that both flavours share.
var general = map[error]*Rule{
	ErrNoSuchAttribute: ruleMissing, ErrUndefinedType: ruleUnknown, ErrValueExists: ruleValueExists, ErrSyntax: ruleSyntax,
	ErrConstraint: ruleConstraint, ErrClass: ruleNotAllowed, ErrNaming: ruleRDN, ErrOnRDN: ruleOnRDN, ErrExists: ruleTaken,
	ErrNonLeaf: ruleNonLeaf, ErrUnwilling: ruleUnwilling,
}

// Breach says which rule a write breaks, and with which attribute.
type Breach struct {
	Rule *Rule
	Attr *schema.Attribute
}

// Error implements error.
func (b *Breach) Error() string { return b.Rule.Error() }

// Unwrap lets errors.Is find the rule.
func (b *Breach) Unwrap() error { return b.Rule }

func breaks(r *Rule, a *schema.Attribute) error { return &Breach{r, a} }

// WeakPassword is the refusal of a password that the domain's policy does not
// take, set by an administrator.
func WeakPassword() error { return breaks(rulePassword, nil) }

// Broken finds the rule of Active Directory behind a refusal of this package;
// nil for other errors.
func Broken(err error) *Breach {
	var b *Breach
	if errors.As(err, &b) {
		return b
	}
	var d *Detail
	errors.As(err, &d)
	for kind, r := range general {
		if errors.Is(err, kind) {
			b = &Breach{Rule: r}
			if d != nil {
				b.Attr = d.Attr
			}
			return b
		}
	}
	return nil
}
