package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
)

type doctorCommand struct {
	config.Config `embed:""`

	JSON bool `name:"json" help:"Print all findings as JSON, the fine ones too."`
}

// errWarnings and errTroubles are how an examination ends that has found something. What, was printed.
var (
	errWarnings = errors.New("warnings")
	errTroubles = errors.New("troubles")
)

// Help is told by --help, behind the settings.
func (doctorCommand) Help() string {
	return "Give it the settings of the server: --config, and the same flags and environment. It changes nothing, and may be run beside the server. It ends with 0 where all is well, with 1 where there are warnings, with 2 where there are troubles, and with 130 if it is interrupted."
}

// Run prints what was found.
func (d *doctorCommand) Run(ctx context.Context, p Program) error {
	if err := d.Finish(); err != nil {
		return p.tellFindings([]doctor.Finding{doctor.Unreadable(err)}, d.JSON)
	}
	found := p.Doctor(ctx, d.Config, p.Environ)
	if ctx.Err() != nil {
		return errInterrupted
	}
	return p.tellFindings(found, d.JSON)
}

// examines reports whether the command line asks for the doctor, to whom settings that cannot be read are a finding.
func examines(args []string) (asked, inJSON bool) {
	for _, arg := range args {
		inJSON = inJSON || arg == "--json"
	}
	return len(args) > 0 && args[0] == "doctor", inJSON
}

func (p Program) tellFindings(all []doctor.Finding, inJSON bool) error {
	worst := doctor.Worst(all)
	if inJSON {
		encoder := json.NewEncoder(p.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(struct {
			Worst    doctor.Level     `json:"worst"`
			Findings []doctor.Finding `json:"findings"`
		}{worst, all}); err != nil {
			return err
		}
	} else if err := p.printFindings(all); err != nil {
		return err
	}
	switch worst {
	case doctor.Trouble:
		return errTroubles
	case doctor.Warning:
		return errWarnings
	}
	return nil
}

// printFindings tells what is not fine, the worst first, and counts the rest.
func (p Program) printFindings(all []doctor.Finding) error {
	var text strings.Builder
	counts := make(map[doctor.Level]int)
	for _, level := range []doctor.Level{doctor.Trouble, doctor.Warning, doctor.Note, doctor.Fine} {
		for i := range all {
			f := &all[i]
			if f.Level != level {
				continue
			}
			counts[level]++
			if level == doctor.Fine {
				continue
			}
			fmt.Fprintf(&text, "%s: %s: %s\n", strings.ToUpper(string(level)), f.Check, f.Found)
			if f.Do != "" {
				fmt.Fprintf(&text, "    %s\n", f.Do)
			}
		}
	}
	fmt.Fprintf(&text, "%s, %s, %s; %d fine.\n", number(counts[doctor.Trouble], "trouble"), number(counts[doctor.Warning], "warning"),
		number(counts[doctor.Note], "note"), counts[doctor.Fine])
	_, err := fmt.Fprint(p.Stdout, text.String())
	return err
}

func number(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
