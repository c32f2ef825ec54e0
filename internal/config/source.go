package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// Options makes a kong parser read the flags that are settings from the environment and the settings file too. It serves
// any command that embeds [Config] or a part of it; the file may hold every setting in any case. lookup is os.LookupEnv
// outside tests.
func Options(lookup func(string) (string, bool)) []kong.Option {
	s := &sources{lookup: lookup, known: settings()}
	return []kong.Option{kong.Resolvers(s), kong.ValueFormatter(s.help)}
}

// EnvName is the environment variable of a setting.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// configFlag is the one setting that the file cannot hold.
const configFlag = "config"

// settings lists the names of all settings but the file's own.
func settings() map[string]bool {
	known := map[string]bool{}
	for _, flag := range kong.Must(&Config{}, kong.NoDefaultHelp()).Model.Flags {
		if flag.Name != configFlag {
			known[flag.Name] = true
		}
	}
	return known
}

// sources finds what was not given as a flag. It serves one run of a parser.
type sources struct {
	lookup func(string) (string, bool)
	known  map[string]bool
	file   *file // nil until read
}

// Validate is part of kong.Resolver.
func (*sources) Validate(*kong.Application) error { return nil }

// Resolve returns the text of a setting as the flag would have been given it, or nil.
func (s *sources) Resolve(context *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == configFlag {
		if path, ok := s.env(configFlag); ok {
			return path, nil
		}
		return nil, nil
	}
	if !s.known[flag.Name] {
		return nil, nil
	}
	if s.file == nil {
		if err := s.readFile(context); err != nil {
			return nil, fileError{err}
		}
	}
	if text, found, err := s.elsewhere(context, flag); found || err != nil {
		return text, err
	}
	if text, ok := s.env(flag.Name); ok {
		return text, tryDecode(flag, text, "from "+EnvName(flag.Name))
	}
	value, ok := s.file.values[flag.Name]
	if !ok {
		return nil, nil
	}
	origin := fmt.Sprintf("config file %s, line %d: %s", s.file.path, value.line, flag.Name)
	if value.list && flag.Target.Kind() != reflect.Slice {
		return nil, fileError{fmt.Errorf("%s: takes one value, not a list", origin)}
	}
	if err := tryDecode(flag, value.text, origin); err != nil {
		return nil, fileError{err}
	}
	return value.text, nil
}

// fileError is a mistake in the settings file. It says where by itself.
type fileError struct{ error }

// fileSuffix makes of the name of a setting that of the setting which names a file with its value, where there is such a one.
const fileSuffix = "-file"

// elsewhere is the value of a setting that stands in a file of its own. Of what the two settings say the flag wins, then the
// environment, then the settings file; both of them in one of these is a mistake.
func (s *sources) elsewhere(context *kong.Context, flag *kong.Flag) (text any, found bool, err error) {
	beside := flag.Name + fileSuffix
	if !s.known[beside] {
		return nil, false, nil
	}
	if path := given(context, beside); path != "" {
		return content(flag, path, "--"+beside)
	}
	_, inEnv := s.env(flag.Name)
	path, besideInEnv := s.env(beside)
	value, inFile := s.file.values[beside]
	_, both := s.file.values[flag.Name]
	switch {
	case inEnv && besideInEnv:
		return nil, false, fmt.Errorf("%s and %s are both set", EnvName(flag.Name), EnvName(beside))
	case besideInEnv:
		return content(flag, path, "from "+EnvName(beside))
	case inEnv || !inFile:
		return nil, false, nil
	}
	origin := fmt.Sprintf("config file %s, line %d: %s", s.file.path, value.line, beside)
	if both {
		return nil, false, fileError{fmt.Errorf("%s: %s is set too", origin, flag.Name)}
	}
	if text, found, err = content(flag, value.text, origin); err != nil {
		return nil, false, fileError{err}
	}
	return text, found, nil
}

// given is the text of a flag on the command line; empty where it has none, or the command has no such flag.
func given(context *kong.Context, name string) string {
	for _, flag := range context.Flags() {
		if flag.Name == name {
			text, _ := context.FlagValue(flag).(string)
			return text
		}
	}
	return ""
}

// maxValueBytes is how long a value may be that stands in a file of its own.
const maxValueBytes = 64 << 10

// content reads the value of a setting from a file of its own, without white space around it. Its errors do not show it.
func content(flag *kong.Flag, path, origin string) (text any, found bool, err error) {
	raw, err := readAtMost(path, maxValueBytes)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", origin, err)
	}
	value := strings.TrimSpace(string(raw))
	if value == "" {
		return nil, false, fmt.Errorf("%s: %s is empty", origin, path)
	}
	return value, true, tryDecode(flag, value, origin+": "+path)
}

// Explain is the error of a parser with [Options] as a user should see it: what is wrong in the file begins with the
// file's name, without the flag that the parser was looking for.
func Explain(err error) error {
	if inFile := (fileError{}); errors.As(err, &inFile) {
		return inFile
	}
	return err
}

// InSettings reports whether an error of a parser is about what the file or the environment says, rather than the command line.
func InSettings(err error) bool {
	return errors.As(err, new(fileError)) || strings.Contains(err.Error(), envPrefix)
}

// JoinNumbers makes --flag -5 one argument, for flags that take a value: the parser would take -5 for a flag, where the
// range of the setting has a better answer.
func JoinNumbers(model *kong.Application, args []string) []string {
	takesValue := map[string]bool{}
	_ = kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			takesValue["--"+flag.Name] = !flag.IsBool()
		}
		return next(nil)
	})
	var joined []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(joined, args[i:]...)
		}
		if takesValue[args[i]] && i+1 < len(args) && negative.MatchString(args[i+1]) {
			joined = append(joined, args[i]+"="+args[i+1])
			i++
			continue
		}
		joined = append(joined, args[i])
	}
	return joined
}

var negative = regexp.MustCompile(`^-[0-9]`)

// env treats an empty variable as not set: that is how container files leave one out.
func (s *sources) env(key string) (string, bool) {
	text, ok := s.lookup(EnvName(key))
	return text, ok && text != ""
}

func (s *sources) readFile(context *kong.Context) error {
	path, _ := s.env(configFlag)
	for _, flag := range context.Flags() {
		if flag.Name != configFlag {
			continue
		}
		if given, ok := context.FlagValue(flag).(string); ok && given != "" {
			path = given
		}
	}
	if path == "" {
		s.file = &file{}
		return nil
	}
	read, err := readFile(path, s.known)
	if err != nil {
		return err
	}
	s.file = read
	return nil
}

// tryDecode decodes into nothing, so that an error can say where the value came from.
func tryDecode(flag *kong.Flag, text, origin string) error {
	into := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(text, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, into); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	return nil
}

// help adds the variable to a setting's help.
func (s *sources) help(value *kong.Value) string {
	if value.Flag == nil || (!s.known[value.Name] && value.Name != configFlag) {
		return value.Help
	}
	return value.Help + " ($" + EnvName(value.Name) + ")"
}
