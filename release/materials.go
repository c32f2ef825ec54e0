package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// bom is a list of materials as CycloneDX 1.6 has it (https://cyclonedx.org/docs/1.6/json/), as far as there is something to say.
type bom struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []license  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// materials writes of what the binary is made, as it says itself (go version -m).
func (r *release) materials(p platform, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	inside, err := r.inPages()
	if err != nil {
		return err
	}
	list := materialsOf(info, content, r.version, r.at, inside)
	name := "sockeye-" + strings.TrimPrefix(r.version, "v") + "-" + p.String() + ".cdx.json"
	return r.write(name, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(list)
	})
}

func materialsOf(info *debug.BuildInfo, binary []byte, version string, at time.Time, inside []component) bom {
	sum := sha256.Sum256(binary)
	self := component{
		Type: "application", Ref: "sockeye", Name: "sockeye", Version: version, PURL: purl("golang", info.Main.Path, version),
		Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sum)}}, Licenses: make([]license, 1),
	}
	self.Licenses[0].License.ID = "Apache-2.0"
	for _, setting := range info.Settings {
		self.Properties = append(self.Properties, property{"go:" + setting.Key, setting.Value})
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	components := []component{{Type: "library", Ref: "std", Name: "std", Version: goVersion, PURL: purl("golang", "std", goVersion)}}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		components = append(components, component{
			Type: "library", Ref: module.Path, Name: module.Path, Version: module.Version, PURL: purl("golang", module.Path, module.Version),
			Properties: []property{{"go:sum", module.Sum}},
		})
	}
	components = append(components, inside...)
	direct := dependency{Ref: self.Ref}
	for _, c := range components {
		direct.DependsOn = append(direct.DependsOn, c.Ref)
	}
	return bom{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1, SerialNumber: serial(sum),
		Metadata:   metadata{Timestamp: at.Format(time.RFC3339), Component: self},
		Components: components, Dependencies: []dependency{direct},
	}
}

// serial is a UUID of the kind that is made of a hash (RFC 9562 section 5.8), so that the list of the same binary is the same.
func serial(sum [sha256.Size]byte) string {
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// purl names a package (https://github.com/package-url/purl-spec).
func purl(kind, name, version string) string {
	return "pkg:" + kind + "/" + name + "@" + url.QueryEscape(version)
}

// inPages is what the pages of the web app have in them of others: the runtime of the framework that they are written in. The client
// library, which is our own, has nothing.
func (r *release) inPages() ([]component, error) {
	raw, err := os.ReadFile(filepath.Join(r.root, "web/package-lock.json"))
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Version   string `json:"version"`
			Integrity string `json:"integrity"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		return nil, err
	}
	const framework = "svelte"
	found, ok := lock.Packages["node_modules/"+framework]
	if !ok {
		return nil, errors.New("web/package-lock.json has no " + framework)
	}
	return []component{{
		Type: "library", Ref: "npm:" + framework, Name: framework, Version: found.Version, PURL: purl("npm", framework, found.Version),
		Properties: []property{{"npm:integrity", found.Integrity}},
	}}, nil
}
