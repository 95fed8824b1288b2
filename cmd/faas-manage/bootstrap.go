package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/config"
)

// serviceType is what clients look for in Keystone's catalogue.
const serviceType = "function-engine"

// serviceRoles are those that the service's user needs: to validate tokens, and to delete the
// trusts of functions.
var serviceRoles = []string{"service", "admin"}

// bootstrap is what the words after bootstrap ask for.
type bootstrap struct {
	urls         map[gophercloud.Availability]string
	region       string
	cloud        string
	name         string
	passwordFile string
	dryRun       bool
}

func readBootstrap(args []string, auth config.Authtoken) (bootstrap, error) {
	var b bootstrap
	var public, internal, admin string
	flags := flag.NewFlagSet("bootstrap", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&public, "public-url", "", "")
	flags.StringVar(&internal, "internal-url", "", "")
	flags.StringVar(&admin, "admin-url", "", "")
	flags.StringVar(&b.region, "region", auth.Region, "")
	flags.StringVar(&b.cloud, "os-cloud", os.Getenv("OS_CLOUD"), "")
	flags.StringVar(&b.name, "service-name", "faas", "")
	flags.StringVar(&b.passwordFile, "password-file", "", "")
	flags.BoolVar(&b.dryRun, "dry-run", false, "")
	if err := flags.Parse(args); err != nil {
		return b, err
	}
	if flags.NArg() > 0 {
		return b, fmt.Errorf("bootstrap: unexpected argument %q: every option has a name", flags.Arg(0))
	}
	if public == "" {
		return b, errors.New("bootstrap: --public-url URL is required, where users reach the API")
	}
	if internal == "" {
		internal = public
	}
	if admin == "" {
		admin = internal
	}
	b.urls = map[gophercloud.Availability]string{
		gophercloud.AvailabilityPublic:   public,
		gophercloud.AvailabilityInternal: internal,
		gophercloud.AvailabilityAdmin:    admin,
	}
	// In this order: what was not given is what stands before it, and the one that was is to be named.
	faces := []gophercloud.Availability{
		gophercloud.AvailabilityPublic, gophercloud.AvailabilityInternal, gophercloud.AvailabilityAdmin,
	}
	for _, face := range faces {
		text := b.urls[face]
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
			return b, fmt.Errorf("bootstrap: --%s-url must be as https://faas.example.org, it is %q", face, text)
		}
		b.urls[face] = strings.TrimSuffix(text, "/") // the version is for clients to add
	}
	return b, nil
}

// password returns that of the service's user: what processes of the service are configured with,
// unless a file or the standard input has it. It is never an argument, which others could read.
func (b bootstrap) password(auth config.Authtoken, stdin io.Reader) (string, error) {
	var text []byte
	var err error
	switch b.passwordFile {
	case "":
		return auth.Password, nil
	case "-":
		text, err = io.ReadAll(io.LimitReader(stdin, 4096))
	default:
		text, err = os.ReadFile(b.passwordFile)
	}
	if err != nil {
		return "", fmt.Errorf("bootstrap: --password-file: %w", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if len(line) == 0 {
		return "", fmt.Errorf("bootstrap: --password-file %s: its first line is empty", b.passwordFile)
	}
	return string(bytes.TrimSuffix(line, []byte("\r"))), nil
}

// runBootstrap makes what the service needs in Keystone, and what is there already stays: it may
// run any number of times. It acts as whoever the administrator's environment says, as the openstack
// commands do.
func runBootstrap(ctx context.Context, conf *config.Manage, args []string, out io.Writer) error {
	b, err := readBootstrap(args, conf.Auth)
	if err != nil {
		return err
	}
	password, err := b.password(conf.Auth, os.Stdin)
	if err != nil {
		return err
	}
	admin, region, err := logIn(ctx, b.cloud, os.Getenv)
	if err != nil {
		return err
	}
	if b.region == "" {
		b.region = region
	}
	k := &keystone{ServiceClient: admin, dryRun: b.dryRun, out: out}
	if err := k.prepare(ctx, b, conf.Auth, password); err != nil {
		return err
	}
	switch {
	case k.different == 0:
		_, err = fmt.Fprintln(out, "everything is there")
	case b.dryRun:
		_, err = fmt.Fprintf(out, "%d would be made or changed\n", k.different)
	default:
		_, err = fmt.Fprintf(out, "%d made or changed\n", k.different)
	}
	if err != nil || b.dryRun || password == "" {
		return err
	}
	return proveUser(ctx, admin.ProviderClient, conf.Auth, password)
}

// prepare makes, in the order in which they need each other, the user with its roles and the
// service with its endpoints.
func (k *keystone) prepare(ctx context.Context, b bootstrap, auth config.Authtoken, password string) error {
	region, err := k.region(ctx, b.region)
	if err != nil {
		return err
	}
	project, err := k.project(ctx, auth.Project, auth.ProjectDomain)
	if err != nil {
		return err
	}
	user, err := k.user(ctx, auth.Username, auth.UserDomain, password)
	if err != nil {
		return err
	}
	for _, name := range serviceRoles {
		role, err := k.role(ctx, name)
		if err != nil {
			return err
		}
		if err := k.assignment(ctx, user, project, role); err != nil {
			return err
		}
	}
	service, err := k.service(ctx, b.name)
	if err != nil {
		return err
	}
	for _, face := range []gophercloud.Availability{
		gophercloud.AvailabilityPublic, gophercloud.AvailabilityInternal, gophercloud.AvailabilityAdmin,
	} {
		if err := k.endpoint(ctx, service, region, face, b.urls[face]); err != nil {
			return err
		}
	}
	return nil
}
