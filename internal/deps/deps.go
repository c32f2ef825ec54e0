// Package deps checks what constructors are given to work with.
package deps

import (
	"fmt"
	"reflect"
)

// Check returns an error that names the first field of a struct that is nil. What has the tag need:"optional" may be.
func Check(given any) error {
	v := reflect.ValueOf(given)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("need") != "optional" && isNil(v.Field(i)) {
			return fmt.Errorf("%s: %s is missing", v.Type(), f.Name)
		}
	}
	return nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice:
		return v.IsNil()
	}
	return false
}
