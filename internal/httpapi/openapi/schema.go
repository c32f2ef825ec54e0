package openapi

import (
	"fmt"
	"reflect"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/shape"
)

// Schema is a JSON Schema, of the dialect of OpenAPI 3.1.
type Schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	Type                 any                `json:"type,omitempty"` // a name or a list of names
	Format               string             `json:"format,omitempty"`
	Description          string             `json:"description,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	MinLength            int                `json:"minLength,omitempty"`
	MaxLength            int                `json:"maxLength,omitempty"`
	Minimum              *int               `json:"minimum,omitempty"`
	Maximum              *int               `json:"maximum,omitempty"`
	Default              any                `json:"default,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	MinItems             int                `json:"minItems,omitempty"`
	MaxItems             int                `json:"maxItems,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties *Schema            `json:"additionalProperties,omitempty"`
	MaxProperties        int                `json:"maxProperties,omitempty"`
	AnyOf                []*Schema          `json:"anyOf,omitempty"`
}

// Schemas makes schemas. Structs with a name come into Named, and are referred to. It is not safe for concurrent use.
type Schemas struct {
	// Known returns the schema of a type that is not what it looks like. It may be nil.
	Known func(reflect.Type) (Schema, bool)
	// Describe returns what a field means. It may be nil.
	Describe func(shape.Field) string

	Named map[string]*Schema
	types map[string]reflect.Type
}

// Of returns the schema of what encoding/json writes of a type. It panics where that is no JSON, or where two structs
// have the same name: these are mistakes of the program, and each document is made when the server starts.
func (s *Schemas) Of(t reflect.Type) *Schema {
	if s.Known != nil {
		if known, ok := s.Known(t); ok {
			return &known
		}
	}
	switch t.Kind() {
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64:
		return &Schema{Type: "integer"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.Slice:
		return &Schema{Type: "array", Items: s.Of(t.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", AdditionalProperties: s.Of(t.Elem())}
	case reflect.Interface:
		return &Schema{}
	case reflect.Pointer:
		return s.Of(t.Elem())
	case reflect.Struct:
		if t.Name() == "" {
			return s.Object(shape.Fields(t))
		}
		return &Schema{Ref: "#/components/schemas/" + s.name(t)}
	}
	panic(fmt.Sprintf("openapi: no schema of %v", t))
}

// Object returns the schema of a struct as an object of some of its fields.
func (s *Schemas) Object(fields []shape.Field) *Schema {
	object := &Schema{Type: "object", Properties: make(map[string]*Schema, len(fields))}
	for _, f := range fields {
		of := s.Of(f.Type)
		if f.Nullable() {
			of = orNull(of)
		}
		if s.Describe != nil {
			if text := s.Describe(f); text != "" {
				of.Description = text
			}
		}
		object.Properties[f.Name] = of
		if !f.Omitted {
			object.Required = append(object.Required, f.Name)
		}
	}
	return object
}

func orNull(of *Schema) *Schema {
	if of.Ref != "" {
		return &Schema{AnyOf: []*Schema{of, {Type: "null"}}}
	}
	of.Type = []any{of.Type, "null"}
	return of
}

// name puts a struct among the named ones, if it is not there.
func (s *Schemas) name(t reflect.Type) string {
	first, size := utf8.DecodeRuneInString(t.Name())
	name := string(unicode.ToUpper(first)) + t.Name()[size:]
	switch other := s.types[name]; other {
	case t:
		return name
	case nil:
	default:
		panic(fmt.Sprintf("openapi: %v and %v would have the same name", t, other))
	}
	if s.types == nil {
		s.types, s.Named = make(map[string]reflect.Type), make(map[string]*Schema)
	}
	s.types[name] = t // before its fields, which may be of its own type
	s.Named[name] = s.Object(shape.Fields(t))
	return name
}
