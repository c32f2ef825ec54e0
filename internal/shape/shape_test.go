package shape_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-im/sockeye/internal/shape"
)

type shared struct {
	Text string `json:"text" need:"one" max:"9" doc:"What is said."`
}

type whole struct {
	shared
	Some   *int   `json:"some"`
	Many   []int  `json:"many,omitempty" min:"1"`
	Most   int    `json:"most" default:"5"`
	Secret string `json:"-"`
	Plain  string
}

func TestFields(t *testing.T) {
	want := []shape.Field{
		{Name: "text", Type: reflect.TypeFor[string](), Index: []int{0, 0}, Need: shape.One, Max: "9", Doc: "What is said."},
		{Name: "some", Type: reflect.TypeFor[*int](), Index: []int{1}, Need: shape.Optional},
		{Name: "many", Type: reflect.TypeFor[[]int](), Index: []int{2}, Omitted: true, Min: "1"},
		{Name: "most", Type: reflect.TypeFor[int](), Index: []int{3}, Need: shape.Optional, Default: "5"},
	}
	got := shape.Fields(reflect.TypeFor[whole]())
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b reflect.Type) bool { return a == b })); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	for _, f := range got {
		if f.Nullable() != (f.Name == "some") {
			t.Errorf("%s: nullable is %v", f.Name, f.Nullable())
		}
	}
}
