package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// exitUnconfined says that the limits could not be set, which is no fault of the file. A crash of the runtime has another code.
const exitUnconfined = 78

// Called tells whether the arguments of a program are those of a process that is to look at a file.
func Called(args []string) bool { return len(args) == 3 && args[1] == Argument }

// Main does the task of such a process, and returns its exit code. It gives up what it does not need before it reads a byte.
func Main(args []string) int {
	var t Task
	if err := json.Unmarshal([]byte(args[2]), &t); err != nil {
		fmt.Fprintln(os.Stderr, "the task:", err)
		return 2
	}
	confined, err := confine(t)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the limits:", err)
		return exitUnconfined
	}
	if err := work(t, confined, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// work makes what can be made of a file, and says so.
func work(t Task, confined []string, in *os.File, out io.Writer) error {
	w := recordWriter{out}
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("the file: %w", err)
	}
	made, err := picture(t, in, info.Size(), w)
	if why := (refused{}); errors.As(err, &why) {
		text := why.Error()
		return w.head(head{Refused: text[:min(len(text), 200)]})
	}
	if err != nil {
		return err
	}
	made.Confined = confined
	return w.head(head{Done: &made})
}

// refused is why nothing can be made of a file.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }
