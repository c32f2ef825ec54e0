// Command packages makes the deb and the rpm of a binary. It is a module of its own, so that what nFPM needs is not what the server
// needs. The same files make the same packages: times are given, and nothing is of the machine.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// wanted says of what packages are made.
type wanted struct {
	root      string // of the repository
	binary    string
	described string // folder with the page of the manual and the scripts for shells
	arch      string // in the words of Go
	version   string
	at        time.Time
}

func run(args []string) error {
	var w wanted
	flags := flag.NewFlagSet("packages", flag.ContinueOnError)
	flags.StringVar(&w.root, "root", "../..", "the repository")
	flags.StringVar(&w.binary, "binary", "", "the server")
	flags.StringVar(&w.described, "described", "", "folder with sockeye.1, sockeye.bash, _sockeye and sockeye.fish")
	flags.StringVar(&w.arch, "arch", "amd64", "amd64 or arm64")
	flags.StringVar(&w.version, "version", "", "version, such as v1.2.3")
	at := flags.Int64("time", 0, "time of all files, in seconds since 1970")
	out := flags.String("out", ".", "folder for the packages")
	if err := flags.Parse(args); err != nil {
		return err
	}
	w.at = time.Unix(*at, 0).UTC()
	for name, packager := range map[string]nfpm.Packager{"deb": deb.Default, "rpm": rpm.DefaultRPM} {
		if err := w.write(name, packager, *out); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// write makes a package in a folder.
func (w wanted) write(kind string, packager nfpm.Packager, out string) error {
	info := nfpm.WithDefaults(w.info(kind))
	if err := nfpm.PrepareForPackager(info, kind); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(out, packager.ConventionalFileName(info)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(packager.Package(info, file), file.Close())
}

// info says what is in a package, and where.
func (w wanted) info(kind string) *nfpm.Info {
	info := &nfpm.Info{
		Name: "sockeye", Arch: w.arch, Platform: "linux", Version: versionOf(w.version), VersionSchema: "none", Release: "1",
		Section: "net", Priority: "optional", Maintainer: "The Sockeye authors <packages@sockeye.im>", Vendor: "Sockeye",
		Homepage: "https://github.com/sockeye-im/sockeye", License: "Apache-2.0",
		Description: "Self-hosted real-time messaging server\nChat, presence and notifications over Socket.IO and WebSocket clients, in one program that needs no other.",
		MTime:       w.at, DisableGlobbing: true,
	}
	info.RPM.Summary, info.RPM.Group, info.RPM.BuildHost, info.RPM.Packager = "Self-hosted real-time messaging server", "Applications/Internet", "reproducible", info.Maintainer
	info.Depends = map[string][]string{"deb": {"passwd"}, "rpm": {"shadow-utils"}}[kind]
	info.Suggests = map[string][]string{"deb": {"postgresql", "redis-server", "nginx"}}[kind]
	zsh := map[string]string{"deb": "vendor-completions", "rpm": "site-functions"}[kind]
	for _, f := range []struct {
		from, to string
		mode     os.FileMode
		kind     string
	}{
		{w.binary, "/usr/bin/sockeye", 0o755, files.TypeFile},
		{w.shipped("systemd/sockeye.service"), "/usr/lib/systemd/system/sockeye.service", 0o644, files.TypeFile},
		{w.shipped("systemd/sockeye.socket"), "/usr/lib/systemd/system/sockeye.socket", 0o644, files.TypeFile},
		{w.shipped("systemd/sockeye.yaml"), "/etc/sockeye/sockeye.yaml", 0o644, files.TypeConfigNoReplace},
		{filepath.Join(w.described, "sockeye.1"), "/usr/share/man/man1/sockeye.1", 0o644, files.TypeFile},
		{filepath.Join(w.described, "sockeye.bash"), "/usr/share/bash-completion/completions/sockeye", 0o644, files.TypeFile},
		{filepath.Join(w.described, "_sockeye"), "/usr/share/zsh/" + zsh + "/_sockeye", 0o644, files.TypeFile},
		{filepath.Join(w.described, "sockeye.fish"), "/usr/share/fish/vendor_completions.d/sockeye.fish", 0o644, files.TypeFile},
		{w.shipped("nginx/sockeye.conf"), "/usr/share/doc/sockeye/examples/nginx.conf", 0o644, files.TypeFile},
		{w.shipped("haproxy/haproxy.cfg"), "/usr/share/doc/sockeye/examples/haproxy.cfg", 0o644, files.TypeFile},
		{filepath.Join(w.root, "LICENSE"), "/usr/share/doc/sockeye/copyright", 0o644, files.TypeFile},
		{filepath.Join(w.root, "NOTICE"), "/usr/share/doc/sockeye/NOTICE", 0o644, files.TypeFile},
		{filepath.Join(w.root, "CHANGELOG.md"), "/usr/share/doc/sockeye/CHANGELOG.md", 0o644, files.TypeFile},
	} {
		info.Contents = append(info.Contents, &files.Content{
			Source: f.from, Destination: f.to, Type: f.kind,
			FileInfo: &files.ContentFileInfo{Mode: f.mode, Owner: "root", Group: "root", MTime: w.at},
		})
	}
	info.Scripts = nfpm.Scripts{
		PostInstall: w.shipped("packages/postinstall.sh"), PreRemove: w.shipped("packages/preremove.sh"), PostRemove: w.shipped("packages/postremove.sh"),
	}
	return info
}

func (w wanted) shipped(name string) string { return filepath.Join(w.root, "deploy", name) }

// described finds the parts of what git describe says: a tag, commits since, the commit, changes that are not committed.
var described = regexp.MustCompile(`^(.*?)(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$`)

// versionOf is a version as packages sort it: a prerelease is before its release (1.2.0~rc.1), what came since behind it
// (1.2.0+3.g0123abc), and a commit without any release before all (0~g0123abc). rpm allows no hyphen.
func versionOf(version string) string {
	parts := described.FindStringSubmatch(strings.TrimPrefix(version, "v"))
	tag, since, commit, dirty := parts[1], parts[2], parts[3], parts[4]
	if tag == "" || tag[0] < '0' || tag[0] > '9' || !strings.Contains(tag, ".") {
		tag = "0~g" + cmp.Or(tag, "unknown")
	}
	tag = strings.ReplaceAll(strings.Replace(tag, "-", "~", 1), "-", ".")
	if since != "" {
		tag += "+" + since + ".g" + commit
	}
	if dirty != "" {
		tag += "+dirty"
	}
	return tag
}
