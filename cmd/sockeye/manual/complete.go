package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that [WriteCompletion] knows.
var Shells = []string{"bash", "zsh", "fish"}

// WriteCompletion writes the script by which a shell completes the program's commands, flags and those values of flags that are
// known: words to choose from, files and folders. It fails for a shell that is none of [Shells]; any other error is w's.
func WriteCompletion(w io.Writer, shell string, model *kong.Application) error {
	script, known := map[string]func(*kong.Application) string{"bash": bash, "zsh": zsh, "fish": fish}[shell]
	if !known {
		return fmt.Errorf("shell: %q, it must be one of %s", shell, strings.Join(Shells, ", "))
	}
	_, err := io.WriteString(w, script(model))
	return err
}

// nodes are the program and all of its commands, by their paths.
func nodes(model *kong.Application) []*kong.Node {
	return append([]*kong.Node{model.Node}, commands(model.Node)...)
}

// children are the commands of a node that are shown.
func children(of *kong.Node) (all []*kong.Node) {
	for _, child := range of.Children {
		if !child.Hidden {
			all = append(all, child)
		}
	}
	return all
}

// steps are the patterns by which a script finds, word by word, at which command a line is: the path so far, and the next word.
func steps(model *kong.Application, quote func(string) string) string {
	var all []string
	for _, command := range commands(model.Node) {
		all = append(all, quote(path(command.Parent)+" "+command.Name))
	}
	return strings.Join(all, "|")
}

// values are cases by which a script completes what stands behind a flag.
func values(model *kong.Application, words func(enum []string) string, file, folder, none string) string {
	var b strings.Builder
	for _, node := range nodes(model) {
		for _, flag := range flags(node) {
			does := none
			switch valueOf(flag) {
			case nothing:
				continue
			case oneOf:
				does = words(flag.EnumSlice())
			case aFile:
				does = file
			case aFolder:
				does = folder
			}
			fmt.Fprintf(&b, "\t%s) %s; return ;;\n", quoted(path(node)+" --"+flag.Name), does)
		}
	}
	return b.String()
}

// quoted is a word for bash and zsh.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func bash(model *kong.Application) string {
	var b strings.Builder
	name := model.Name
	fmt.Fprintf(&b, `# bash completion for %[1]s; %[1]s completion bash writes it.
_%[1]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at='' i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$at ${COMP_WORDS[i]}" in
		%[2]s) at="${at:+$at }${COMP_WORDS[i]}" ;;
		esac
	done
	# bash takes a = for a word of its own.
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $prev == = && $COMP_CWORD -gt 2 ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	COMPREPLY=()
	case "$at $prev" in
`, name, steps(model, quoted))
	b.WriteString(values(model, func(enum []string) string {
		return "mapfile -t COMPREPLY < <(compgen -W " + quoted(strings.Join(enum, " ")) + ` -- "$cur")`
	}, `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")`,
		`compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")`, ":"))
	b.WriteString("\tesac\n\tcase \"$at\" in\n")
	for _, node := range nodes(model) {
		var words []string
		for _, child := range children(node) {
			words = append(words, child.Name)
		}
		for _, flag := range flags(node) {
			words = append(words, "--"+flag.Name)
		}
		fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\") ;;\n", quoted(path(node)), quoted(strings.Join(words, " ")))
	}
	fmt.Fprintf(&b, "\tesac\n\tif [[ ${#COMPREPLY[@]} -eq 0 && $cur != -* ]]; then\n\t\tcompopt -o filenames 2>/dev/null\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n}\ncomplete -F _%[1]s %[1]s\n", name)
	return b.String()
}

func zsh(model *kong.Application) string {
	var b strings.Builder
	name := model.Name
	fmt.Fprintf(&b, `#compdef %[1]s
# zsh completion for %[1]s; %[1]s completion zsh writes it.
_%[1]s() {
	local at='' word
	local -a found
	for word in ${words[2,CURRENT-1]}; do
		case "$at $word" in
		%[2]s) at="${at:+$at }$word" ;;
		esac
	done
	case "$at ${words[CURRENT-1]}" in
`, name, steps(model, quoted))
	b.WriteString(values(model, func(enum []string) string { return "compadd -- " + strings.Join(enum, " ") }, "_files", "_files -/", ":"))
	b.WriteString("\tesac\n\tcase \"$at\" in\n")
	for _, node := range nodes(model) {
		var found []string
		for _, child := range children(node) {
			found = append(found, quoted(described(child.Name, child.Help)))
		}
		for _, flag := range flags(node) {
			found = append(found, quoted(described("--"+flag.Name, flag.Help)))
		}
		fmt.Fprintf(&b, "\t%s) found=(%s) ;;\n", quoted(path(node)), strings.Join(found, " "))
	}
	fmt.Fprintf(&b, "\tesac\n\t_describe -o %[1]s found || _files\n}\nif [[ $funcstack[1] == _%[1]s ]]; then _%[1]s \"$@\"; else compdef _%[1]s %[1]s; fi\n", name)
	return b.String()
}

// described is a word and what it is, as zsh's _describe reads it.
func described(word, help string) string {
	return strings.ReplaceAll(word, ":", `\:`) + ":" + strings.Join(strings.Fields(help), " ")
}

func fish(model *kong.Application) string {
	var b strings.Builder
	name := model.Name
	fmt.Fprintf(&b, `# fish completion for %[1]s; %[1]s completion fish writes it.
function __%[1]s_at
	set -l at ''
	for word in (commandline -opc)[2..-1]
		switch "$at $word"
			case %[2]s
				set at (string trim -- "$at $word")
		end
	end
	test "$at" = "$argv[1]"
end
`, name, strings.ReplaceAll(steps(model, quotedFish), "|", " "))
	for _, node := range nodes(model) {
		when := quotedFish(fmt.Sprintf("__%s_at %s", name, quotedFish(path(node))))
		for _, child := range children(node) {
			fmt.Fprintf(&b, "complete -c %s -f -n %s -a %s -d %s\n", name, when, quotedFish(child.Name), quotedFish(child.Help))
		}
		for _, flag := range flags(node) {
			fmt.Fprintf(&b, "complete -c %s -n %s -l %s%s -d %s\n", name, when, flag.Name, fishValue(flag), quotedFish(flag.Help))
		}
	}
	return b.String()
}

func fishValue(flag *kong.Flag) string {
	switch valueOf(flag) {
	case nothing:
		return ""
	case oneOf:
		words := flag.EnumSlice()
		slices.Sort(words)
		return " -x -a " + quotedFish(strings.Join(words, " "))
	case aFile, aFolder:
		return " -r -F"
	default:
		return " -x"
	}
}

var quotesFish = strings.NewReplacer(`\`, `\\`, "'", `\'`)

func quotedFish(text string) string { return "'" + quotesFish.Replace(text) + "'" }
