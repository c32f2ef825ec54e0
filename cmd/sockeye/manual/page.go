package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Section is a part of the page that the command line does not say.
type Section struct {
	Title string
	Rows  [][2]string // a term, and what it is
}

// Page is what [WritePage] writes a page of.
type Page struct {
	Model   *kong.Application
	Version string
	// Settings is the name of the command whose flags are the program's settings: they are described once, and other commands that
	// take some of them name these alone.
	Settings string
	Variable func(setting string) string // the environment variable of a setting
	More     []Section
}

// WritePage writes a page of section 1 in the macros of man(7), which every reader of manuals knows. It says no date, so that it is the
// same whenever it is made. The error is w's.
func WritePage(w io.Writer, p Page) error {
	var b roff
	b.line(".TH", strings.ToUpper(p.Model.Name), "1", "", p.Model.Name+" "+p.Version, "")
	b.line(".SH", "NAME")
	b.text(p.Model.Name + ` \- ` + escape(strings.TrimSuffix(lowerFirst(p.Model.Help), ".")))
	b.line(".SH", "SYNOPSIS")
	b.text(`\fB` + escape(p.Model.Name) + `\fR \fIcommand\fR [\fIsettings\fR]`)

	settings := p.settings()
	b.line(".SH", "COMMANDS")
	for _, command := range commands(p.Model.Node) {
		if len(command.Children) == 0 {
			b.command(p, command, settings)
		}
	}
	b.line(".SH", "SETTINGS")
	b.text(escape("Each is a flag, a variable of the environment, and a key of the file that --config names, in this order of precedence."))
	for _, flag := range settings {
		b.line(".TP")
		b.text(`\fB` + escape(flag.Summary()) + `\fR, \fB` + escape(p.Variable(flag.Name)) + `\fR`)
		b.text(escape(about(flag)))
	}
	for _, section := range p.More {
		b.line(".SH", section.Title)
		for _, row := range section.Rows {
			b.line(".TP")
			b.text(`\fB` + escape(row[0]) + `\fR`)
			b.text(escape(row[1]))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// settings are the flags of the command of that name, but for the program's own.
func (p Page) settings() []*kong.Flag {
	for _, command := range commands(p.Model.Node) {
		if command.Name == p.Settings {
			return command.Flags
		}
	}
	return nil
}

// roff is a text in the making.
type roff struct{ strings.Builder }

// command describes a command, with the flags that are no settings.
func (b *roff) command(p Page, command *kong.Node, settings []*kong.Flag) {
	b.line(".SS", strings.Join(append([]string{p.Model.Name, path(command)}, arguments(command)...), " "))
	b.text(escape(command.Help))
	if command.Detail != "" {
		b.line(".PP")
		b.text(escape(command.Detail))
	}
	isSetting := make(map[string]bool)
	for _, setting := range settings {
		isSetting[setting.Name] = true
	}
	var shared []string
	for _, flag := range command.Flags {
		if flag.Hidden {
			continue
		}
		if isSetting[flag.Name] {
			shared = append(shared, "--"+flag.Name)
			continue
		}
		b.line(".TP")
		b.text(`\fB` + escape(flag.Summary()) + `\fR`)
		b.text(escape(about(flag)))
	}
	switch {
	case command.Name == p.Settings, len(shared) == len(settings):
		b.line(".PP")
		b.text("It takes all settings, see below.")
	case len(shared) > 0:
		b.line(".PP")
		b.text(escape("Of the settings below it takes " + strings.Join(shared, ", ") + "."))
	}
}

func arguments(command *kong.Node) (all []string) {
	for _, argument := range command.Positional {
		all = append(all, argument.Summary())
	}
	return all
}

// about is what a flag says of itself.
func about(flag *kong.Flag) string {
	text := flag.Help
	if flag.Enum != "" && !strings.Contains(text, ":") {
		text += " One of " + strings.ReplaceAll(flag.Enum, ",", ", ") + "."
	}
	if flag.HasDefault && flag.Default != "" && !strings.Contains(text, "Default") {
		text += fmt.Sprintf(" Default: %s.", flag.Default)
	}
	return text
}

// line writes a request with its arguments.
func (b *roff) line(request string, arguments ...string) {
	b.WriteString(request)
	for _, argument := range arguments {
		b.WriteString(` "` + strings.ReplaceAll(escape(argument), `"`, `\(dq`) + `"`)
	}
	b.WriteByte('\n')
}

// text writes a line of plain text. roff takes a line that begins with a dot or an apostrophe for a request: such a line is escaped.
func (b *roff) text(line string) {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		b.WriteString(`\&`)
	}
	b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
}

// escape has every character of a text stand for itself: a hyphen is what one types, not where a line may be broken.
var escape = strings.NewReplacer(`\`, `\e`, "-", `\-`, "’", `\(cq`, "…", "...").Replace

func lowerFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToLower(text[:1]) + text[1:]
}
