// Package docs makes a page that people read of an OpenAPI document: plain HTML with a style sheet beside it, without a script, so that it
// works under the strictest content policy, in any browser, and on paper.
package docs

import (
	"bytes"
	_ "embed" // for the page and its style
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/httpapi/openapi"
)

// Style is the page's style sheet, CSS. Nobody may change it.
//
//go:embed style.css
var Style []byte

//go:embed page.html
var source string

// Policy is the content policy (CSP) under which the page works: a style sheet of its own server, and nothing else.
const Policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var page = template.Must(template.New("page").Parse(source))

// Page returns the page of a document, which is OpenAPI 3.1 as JSON. style is the address of [Style], document that of the document.
// Texts of the document are texts on the page, whatever they look like.
func Page(document []byte, style, address string) ([]byte, error) {
	var doc openapi.Document
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("docs: read the document: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, viewOf(&doc, style, address)); err != nil {
		return nil, fmt.Errorf("docs: write the page: %w", err)
	}
	return out.Bytes(), nil
}

// view is what the page shows.
type view struct {
	Title, Version string
	About          []string // paragraphs
	Style, Address string
	Groups         []group
	Schemas        []named
}

type group struct {
	Name, About string
	Operations  []operation
}

type operation struct {
	ID, Method, Path, Summary string
	About                     []string
	Needs                     string
	Parameters                []field
	Body                      []field
	Example                   string
	Answers                   []answer
}

type answer struct {
	Status, About string
	Fields        []field
	Type          kind
}

type named struct {
	Name   string
	About  string
	Fields []field
	Type   kind
}

// field is a row of a table.
type field struct {
	Name, In string
	Type     kind
	Required bool
	About    string
}

// kind is a type in words, with the schema that it names, if it does.
type kind struct {
	Before, Ref, After string
}

// methods are those of HTTP in the order of the page.
var methods = []string{"get", "post", "put", "patch", "delete"}

func viewOf(doc *openapi.Document, style, address string) view {
	v := view{Title: doc.Info.Title, Version: doc.Info.Version, About: paragraphs(doc.Info.Description), Style: style, Address: address}
	at := make(map[string]int)
	for _, tag := range doc.Tags {
		at[tag.Name] = len(v.Groups)
		v.Groups = append(v.Groups, group{Name: tag.Name, About: tag.Description})
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range methods {
			op := doc.Paths[path][method]
			if op == nil {
				continue
			}
			tag := "Other"
			if len(op.Tags) > 0 {
				tag = op.Tags[0]
			}
			i, known := at[tag]
			if !known {
				i = len(v.Groups)
				at[tag] = i
				v.Groups = append(v.Groups, group{Name: tag})
			}
			v.Groups[i].Operations = append(v.Groups[i].Operations, operationOf(doc, method, path, op))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			continue
		}
		v.Schemas = append(v.Schemas, named{Name: name, About: schema.Description, Fields: fieldsOf(schema), Type: kindOf(schema)})
	}
	return v
}

func operationOf(doc *openapi.Document, method, path string, op *openapi.Operation) operation {
	out := operation{
		ID: op.OperationID, Method: strings.ToUpper(method), Path: path, Summary: op.Summary, About: paragraphs(op.Description), Needs: needs(op.Security),
	}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, field{Name: p.Name, In: p.In, Type: kindOf(p.Schema), Required: p.Required, About: about(p.Description, p.Schema)})
	}
	if op.RequestBody != nil {
		for _, media := range op.RequestBody.Content {
			out.Body = fieldsOf(media.Schema)
			if media.Example != nil {
				if example, err := json.MarshalIndent(media.Example, "", "  "); err == nil {
					out.Example = string(example)
				}
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[status]
		if response == nil {
			continue
		}
		if name, refers := strings.CutPrefix(response.Ref, "#/components/responses/"); refers && doc.Components.Responses[name] != nil {
			response = doc.Components.Responses[name]
		}
		shown := answer{Status: status, About: response.Description}
		for _, media := range response.Content {
			shown.Fields, shown.Type = fieldsOf(media.Schema), kindOf(media.Schema)
		}
		out.Answers = append(out.Answers, shown)
	}
	return out
}

// needs says who may ask; empty where anybody may.
func needs(security []map[string][]string) string {
	var all []string
	for _, choice := range security {
		all = append(all, slices.Sorted(maps.Keys(choice))...)
	}
	return strings.Join(all, " or ")
}

// fieldsOf are the fields of an object, those that are required first.
func fieldsOf(schema *openapi.Schema) (all []field) {
	if schema == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		of := schema.Properties[name]
		if of == nil {
			continue
		}
		all = append(all, field{Name: name, Type: kindOf(of), Required: slices.Contains(schema.Required, name), About: about(of.Description, of)})
	}
	slices.SortStableFunc(all, func(a, b field) int {
		switch {
		case a.Required && !b.Required:
			return -1
		case b.Required && !a.Required:
			return 1
		}
		return 0
	})
	return all
}

// about is what a value means, with its limits.
func about(text string, schema *openapi.Schema) string {
	parts := []string{text}
	if schema == nil {
		return text
	}
	add := func(format string, value any) { parts = append(parts, fmt.Sprintf(format, value)) }
	if len(schema.Enum) > 0 {
		add("One of %s.", strings.Join(schema.Enum, ", "))
	}
	if schema.MaxLength > 0 {
		add("At most %d characters.", schema.MaxLength)
	}
	if schema.MinLength > 1 {
		add("At least %d characters.", schema.MinLength)
	}
	if schema.MaxItems > 0 {
		add("At most %d items.", schema.MaxItems)
	}
	if schema.Minimum != nil {
		add("From %d.", *schema.Minimum)
	}
	if schema.Maximum != nil {
		add("To %d.", *schema.Maximum)
	}
	if schema.Default != nil {
		add("Default %v.", schema.Default)
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// kindOf is a type in words.
func kindOf(schema *openapi.Schema) kind {
	if schema == nil {
		return kind{}
	}
	if name, refers := strings.CutPrefix(schema.Ref, "#/components/schemas/"); refers {
		return kind{Ref: name}
	}
	if len(schema.AnyOf) > 0 {
		k := kindOf(schema.AnyOf[0])
		k.After += " or null"
		return k
	}
	var names []string
	switch of := schema.Type.(type) {
	case string:
		names = []string{of}
	case []any:
		for _, one := range of {
			names = append(names, fmt.Sprint(one))
		}
	}
	k := kind{Before: strings.Join(names, " or ")}
	switch {
	case schema.Items != nil:
		k = kindOf(schema.Items)
		k.Before = "list of " + k.Before
	case schema.AdditionalProperties != nil:
		k = kindOf(schema.AdditionalProperties)
		k.Before = "map to " + k.Before
	case schema.Format != "":
		k.After = " (" + schema.Format + ")"
	}
	return k
}

// paragraphs are those of a text, which an empty line divides.
func paragraphs(text string) (all []string) {
	for part := range strings.SplitSeq(text, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
