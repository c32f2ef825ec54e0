package command

import "reflect"

// Shape is what a command takes and what acknowledges it, as encoding/json sees
// them: both are structs. The acknowledgement's first field is ok, which is true.
type Shape struct {
	Payload, Answer reflect.Type
}

// Describe returns the shape of a command, for those who describe the commands to
// others. It is false if there is none of that name.
func Describe(name string) (Shape, bool) {
	for i := range rows {
		if r := &rows[i]; r.name == name {
			return Shape{Payload: r.payload, Answer: r.answer}, true
		}
	}
	return Shape{}, false
}
