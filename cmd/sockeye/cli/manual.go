package cli

import (
	"github.com/alecthomas/kong"

	"github.com/sockeye-im/sockeye/cmd/sockeye/manual"
	"github.com/sockeye-im/sockeye/internal/config"
)

type manCommand struct{}

// Run prints the page of the manual.
func (manCommand) Run(p Program, parsed *kong.Context) error {
	return manual.WritePage(p.Stdout, manual.Page{
		Model: parsed.Model, Version: p.Version, Settings: "serve", Variable: config.EnvName,
		More: []manual.Section{
			{Title: "FILES", Rows: [][2]string{
				{"data/", "All that the server keeps, without a database elsewhere. The setting data says where it is."},
				{"data/jwt.secret", "The secret of its tokens, where jwt-secret is not set. Whoever reads it can sign in as anybody."},
				{"/etc/sockeye/sockeye.yaml", "The settings of the service that the packages install, as sockeye.service names it."},
			}},
			{Title: "SIGNALS", Rows: [][2]string{
				{"SIGTERM, SIGINT", "Finish what was received, have clients come back elsewhere, and end. A second one ends at once."},
				{"SIGHUP", "Read the certificate again."},
			}},
			{Title: "EXIT STATUS", Rows: [][2]string{
				{"0", "It did what was asked. The doctor found nothing that needs to be done."},
				{"1", "It failed, and a line on standard error says why. The doctor found warnings."},
				{"2", "It was called in a wrong way, or settings are wrong. The doctor found troubles."},
				{"130", "A backup, verify, restore, migrate, cluster or doctor was interrupted."},
			}},
		},
	})
}

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is told by --help, behind the settings.
func (completionCommand) Help() string {
	return "For a try: source <(sockeye completion bash). The packages have these files where shells look for them."
}

// Run prints the script.
func (c *completionCommand) Run(p Program, parsed *kong.Context) error {
	return manual.WriteCompletion(p.Stdout, c.Shell, parsed.Model)
}
