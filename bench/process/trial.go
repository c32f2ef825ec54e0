//go:build linux

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
)

// Converse runs a program on these cores, with question as JSON for standard input, and reads its answer from standard
// output.
func (c Cores) Converse(ctx context.Context, program string, question, answer any) error {
	in, err := json.Marshal(question)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, program)
	command.Stdin = bytes.NewReader(in)
	out, err := c.Output(command)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, answer)
}
