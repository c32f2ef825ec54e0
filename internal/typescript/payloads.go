package typescript

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// payload is what docs/protocol.md says of a command's payload.
type payload struct {
	optional map[string]bool // of each field
	oneOf    []string        // of these exactly one stands in it
}

var (
	row = regexp.MustCompile("(?m)^\\| `([a-z:]+)` \\| ([^|]*) \\|")
	// span is code in a cell, and named one field in it. Remarks and what is in a map
	// would be taken for fields.
	span   = regexp.MustCompile("`([^`]*)`")
	remark = regexp.MustCompile(`\([^)]*\)|: *\{[^}]*\}`)
	either = regexp.MustCompile("`([A-Za-z]+)` or `([A-Za-z]+)`")
	named  = regexp.MustCompile(`^([A-Za-z]+)(\?|=.*)?$`)
)

// payloadsOf reads the table of commands.
func payloadsOf(protocol string) (map[string]payload, error) {
	_, table, _ := strings.Cut(protocol, "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n### ")
	payloads := make(map[string]payload)
	for _, found := range row.FindAllStringSubmatch(table, -1) {
		p, err := payloadOf(found[2])
		if err != nil {
			return nil, fmt.Errorf("typescript: docs/protocol.md, %s: %w", found[1], err)
		}
		payloads[found[1]] = p
	}
	return payloads, nil
}

func payloadOf(cell string) (payload, error) {
	p := payload{optional: make(map[string]bool)}
	for clause := range strings.SplitSeq(remark.ReplaceAllString(cell, ""), ";") {
		oneOf := strings.HasPrefix(strings.TrimSpace(clause), "one of ")
		for _, code := range span.FindAllStringSubmatch(clause, -1) {
			for part := range strings.SplitSeq(code[1], ",") {
				f := named.FindStringSubmatch(strings.TrimSpace(part))
				if f == nil {
					return payload{}, fmt.Errorf("what is %q?", part)
				}
				p.optional[f[1]] = f[2] != ""
				if oneOf {
					p.oneOf = append(p.oneOf, f[1])
				}
			}
		}
		for _, pair := range either.FindAllStringSubmatch(clause, -1) {
			p.optional[pair[1]], p.optional[pair[2]] = true, true
		}
	}
	return p, nil
}

// payload is what a client has to send, and may.
func (w *writer) payload(t reflect.Type, of payload) (string, error) {
	var all, alternatives []field
	undocumented := maps.Clone(of.optional)
	for _, f := range fieldsOf(t) {
		optional, ok := of.optional[f.name]
		if !ok {
			return "", fmt.Errorf("docs/protocol.md does not have %s", f.name)
		}
		delete(undocumented, f.name)
		f.optional, f.nullable = optional, false
		if slices.Contains(of.oneOf, f.name) {
			alternatives = append(alternatives, f)
		} else {
			all = append(all, f)
		}
	}
	for name := range undocumented {
		return "", fmt.Errorf("docs/protocol.md has %s, the command does not", name)
	}
	if len(alternatives) == 0 {
		return w.inward(all), nil
	}
	choice := "OneOf<" + w.object(alternatives) + ">"
	if len(all) == 0 {
		return choice, nil
	}
	return choice + " & " + w.inward(all), nil
}

// inward writes the fields of a payload: what is a pointer, or an object without a
// name, may be left out.
func (w *writer) inward(fields []field) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		if f.of.Kind() != reflect.Struct || f.of.Name() != "" {
			parts[i] = w.field(f)
			continue
		}
		inside := fieldsOf(f.of)
		for i := range inside {
			inside[i].optional, inside[i].nullable = true, false
		}
		parts[i] = f.name + "?: " + w.object(inside)
	}
	return "{ " + strings.Join(parts, "; ") + " }"
}
