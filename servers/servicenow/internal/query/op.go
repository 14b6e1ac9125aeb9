package query

import "slices"

// Op is an operator as a query writes it.
type Op string

// The operators of the vendor's operator page.
const (
	Equal       Op = "="
	NotEqual    Op = "!="
	Less        Op = "<"
	LessEqual   Op = "<="
	Greater     Op = ">"
	GreaterEq   Op = ">="
	Like        Op = "LIKE"
	NotLike     Op = "NOT LIKE"
	StartsWith  Op = "STARTSWITH"
	EndsWith    Op = "ENDSWITH"
	In          Op = "IN"
	NotIn       Op = "NOT IN"
	IsEmpty     Op = "ISEMPTY"
	IsNotEmpty  Op = "ISNOTEMPTY"
	EmptyString Op = "EMPTYSTRING"
	Anything    Op = "ANYTHING"
	Between     Op = "BETWEEN"
	SameAs      Op = "SAMEAS"
	NotSameAs   Op = "NSAMEAS"
	GTField     Op = "GT_FIELD"
	LTField     Op = "LT_FIELD"
	GEField     Op = "GT_OR_EQUALS_FIELD"
	LEField     Op = "LT_OR_EQUALS_FIELD"
	On          Op = "ON"
	NotOn       Op = "NOTON"
	RelativeGT  Op = "RELATIVEGT"
	RelativeGE  Op = "RELATIVEGE"
	RelativeEE  Op = "RELATIVEEE"
	RelativeLE  Op = "RELATIVELE"
	RelativeLT  Op = "RELATIVELT"
	DatePart    Op = "DATEPART"
	MoreThan    Op = "MORETHAN"
	LessThan    Op = "LESSTHAN"
	Dynamic     Op = "DYNAMIC"
)

// Ops lists them all.
func Ops() []Op {
	return []Op{Equal, NotEqual, Less, LessEqual, Greater, GreaterEq, Like, NotLike, StartsWith, EndsWith, In, NotIn, IsEmpty, IsNotEmpty,
		EmptyString, Anything, Between, SameAs, NotSameAs, GTField, LTField, GEField, LEField, On, NotOn, RelativeGT, RelativeGE, RelativeEE,
		RelativeLE, RelativeLT, DatePart, MoreThan, LessThan, Dynamic}
}

// synonym are other ways to write an operator.
var synonym = map[Op]Op{"*": Like, "!*": NotLike, "%": EndsWith, "NOTLIKE": NotLike, "EMPTY": IsEmpty, "NOTEMPTY": IsNotEmpty}

var unary = map[Op]bool{IsEmpty: true, IsNotEmpty: true, EmptyString: true, Anything: true, "EMPTY": true, "NOTEMPTY": true}

// byLength has the longest first, so that "<=" is not read as "<".
var byLength = func() []Op {
	all := Ops()
	for s := range synonym {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Op) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	return all
}()

// needsDate are operators that only dates know.
var needsDate = map[Op]bool{On: true, NotOn: true, RelativeGT: true, RelativeGE: true, RelativeEE: true, RelativeLE: true, RelativeLT: true,
	DatePart: true, MoreThan: true, LessThan: true}

// inOrder are operators that ask which of two values comes first.
var inOrder = map[Op]bool{Less: true, LessEqual: true, Greater: true, GreaterEq: true, Between: true,
	GTField: true, LTField: true, GEField: true, LEField: true}

// withField are operators whose value is another field.
var withField = map[Op]bool{SameAs: true, NotSameAs: true, GTField: true, LTField: true, GEField: true, LEField: true}
