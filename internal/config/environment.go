package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const envPrefix = "SOCKEYE_"

// ofCommands are the variables that commands beside serve read.
var ofCommands = []string{"SOCKEYE_URL", "SOCKEYE_TOKEN", "SOCKEYE_USER", "SOCKEYE_PASSWORD"}

// serviceLink matches what Kubernetes and Docker set for a service with the name sockeye, or one that begins so.
var serviceLink = regexp.MustCompile(`^SOCKEYE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// UnknownVariables returns a warning for each variable of an environment (name=value) that looks like a setting and is
// none. It prints no values.
func UnknownVariables(environ []string) []string {
	known := slices.Concat(ofCommands, []string{EnvName(configFlag)})
	for key := range settings() {
		known = append(known, EnvName(key))
	}
	slices.Sort(known)
	var warnings []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		warning := fmt.Sprintf("%s is set, but no setting has that name", name)
		if near := nearest(name, known); near != "" {
			warning += fmt.Sprintf("; did you mean %s?", near)
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// nearest is the name that takes the fewest changes to be made of name; empty if all take more than a third of it.
func nearest(name string, names []string) string {
	best, fewest := "", (len(name)-len(envPrefix))/3+1
	for _, candidate := range names {
		if n := edits(name, candidate); n < fewest {
			best, fewest = candidate, n
		}
	}
	return best
}

// edits is how many letters have to be inserted, removed or replaced to turn a into b (the Levenshtein distance).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := corner
			if a[i] != b[j] {
				replaced++
			}
			corner = row[j+1]
			row[j+1] = min(replaced, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
