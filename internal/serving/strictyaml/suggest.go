package strictyaml

import (
	"fmt"
	"strings"
)

// DidYouMean is the hint for a word that is not among the known ones: the
// nearest of them, or all when they are few.
func DidYouMean(word string, known []string) string {
	if best, ok := Nearest(word, known); ok {
		return fmt.Sprintf("did you mean `%s`?", best)
	}
	if len(known) > 0 && len(known) <= 16 {
		return "known are " + Enumerate(known)
	}
	return ""
}

// Nearest finds the known word with the fewest typing mistakes to word, if that
// is near enough to be meant.
func Nearest(word string, known []string) (string, bool) {
	if len(word) > 64 { // nobody mistypes that much; and the distance is quadratic
		return "", false
	}
	plain := strings.NewReplacer("_", "", "-", "", " ", "")
	w := plain.Replace(strings.ToLower(word))
	best, least := "", 1+max(1, len(w)/3)
	for _, k := range known {
		if len(k) > 64 {
			continue
		}
		if d := distance(w, plain.Replace(strings.ToLower(k))); d < least {
			best, least = k, d
		}
	}
	return best, best != ""
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

// Enumerate is "`a`, `b` and `c`".
func Enumerate(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + w + "`"
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " and " + quoted[last]
}
