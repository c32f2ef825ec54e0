// Package shape reads what structs say of the JSON that they travel as. Beside the tag
// of encoding/json a field may have these:
//
//	need     when a payload may lack it, see Need; a pointer may always be left out
//	default  what it is then
//	min,max  bounds of a number, of the length of a text or of how many a list or an
//	         object has
//	doc      what it means, where that is more than its name says everywhere
//
// So a command describes itself once, and all descriptions are made of that: the
// OpenAPI document, the types of the client library, the tables of docs/protocol.md.
package shape

import (
	"cmp"
	"reflect"
	"strings"
)

// Need says when a payload may lack a field.
type Need string

// The needs. The latter three are of all fields of a payload that have them.
const (
	Required Need = ""
	Optional Need = "optional"
	One      Need = "one"    // exactly one of them
	Either   Need = "either" // at most one
	Any      Need = "any"    // at least one
)

// Field is a field of a struct as encoding/json sees it. What is said in numbers is
// text here, which is empty when nothing is said.
type Field struct {
	Name              string
	Type              reflect.Type
	Index             []int // for reflect.Value.FieldByIndex
	Omitted           bool  // from an answer, when it is empty
	Need              Need  // in a payload
	Default, Min, Max string
	Doc               string
}

// Fields returns the fields of a struct, with those of embedded structs, in their
// order.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue // embedded structs have no tag; their fields come by themselves
		}
		of := Field{
			Name: name, Type: f.Type, Index: f.Index, Omitted: strings.Contains(options, "omit"), Need: Need(f.Tag.Get("need")),
			Default: f.Tag.Get("default"), Min: f.Tag.Get("min"), Max: f.Tag.Get("max"), Doc: f.Tag.Get("doc"),
		}
		if of.Default != "" || f.Type.Kind() == reflect.Pointer {
			of.Need = cmp.Or(of.Need, Optional)
		}
		fields = append(fields, of)
	}
	return fields
}

// Nullable reports whether an answer may have null in the field.
func (f *Field) Nullable() bool { return f.Type.Kind() == reflect.Pointer && !f.Omitted }
