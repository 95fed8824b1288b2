package agent_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	colour "image/color" //nolint:misspell // as Go calls it
	"image/png"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/fromswift"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// thumbnails runs the example of docs/user/triggers-swift.md: what a container has new is taken by
// calling the function, with a session of its own.
type thumbnails struct {
	*testing.T
	token, endpoint, project string
	from, into               string
	swift                    *swift.Client
	http                     http.Client // with connections of its own, which end with the test
	worker                   *running
	outcomes                 []faas.Outcome
}

// Client implements trigger.Cloud.
func (u *thumbnails) Client(context.Context, faas.Trigger, string) (*gophercloud.ServiceClient, error) {
	provider := &gophercloud.ProviderClient{TokenID: u.token, HTTPClient: u.http}
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: u.endpoint}, nil
}

// Take implements trigger.Taker.
func (u *thumbnails) Take(_ context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	template, err := event.ParseTemplate(json.RawMessage(fmt.Sprintf(`{"into": %q, "width": 40}`, u.into)))
	if err != nil {
		return trigger.Taken{}, err
	}
	members, err := template.Members(e)
	if err != nil {
		return trigger.Taken{}, err
	}
	input, err := event.Input(e, members)
	if err != nil {
		return trigger.Taken{}, err
	}
	out, refused := u.worker.tryCall(faas.Call{
		ExecutionID: e.ID(), Input: json.RawMessage(input), Timeout: hangTimeout,
		Context: fmt.Appendf(nil, `{"os": {"auth_url": "http://keystone.invalid/v3", "token": %q, "expires_at": %q,
			"user_id": "u", "project_id": %q, "region": "R", "interface": "public", "endpoints": {"object-store": %q}}}`,
			u.token, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), u.project, u.endpoint),
	})
	if refused != "" {
		return trigger.Taken{}, errors.New(refused)
	}
	u.outcomes = append(u.outcomes, out)
	return trigger.Taken{Outcome: trigger.Queued}, nil
}

func TestThumbnailExample(t *testing.T) {
	needKeystoneauth(t)
	t.Run("small", func(t *testing.T) {
		s := swifttest.New(t)
		run(&thumbnails{T: t, token: "token", endpoint: s.Grant("token", "p"), project: "p", from: "photos", into: "small ones"})
	})
	t.Run("real", func(t *testing.T) {
		t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections) // of the login
		demo := testkit.Keystone(t).Login(t, "demo")
		name := "test " + rand.Text()
		run(&thumbnails{
			T: t, token: demo.Token, endpoint: demo.Endpoints["object-store"], project: demo.ProjectID,
			from: name, into: name + " small",
		})
	})
}

func run(u *thumbnails) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	u.http.Transport = transport
	u.swift = swift.New(swift.Config{Token: swift.Fixed(u.token), Endpoint: swift.At(u.endpoint), HTTP: &u.http})
	if err := u.swift.EnsureContainer(u.Context(), u.from); err != nil {
		u.Fatal(err)
	}
	u.Cleanup(func() {
		defer transport.CloseIdleConnections()
		ctx := context.Background()
		for _, container := range []string{u.from, u.into} {
			err := u.swift.List(ctx, container, func(e swift.Entry) error { return u.swift.Delete(ctx, container, e.Name) })
			if err := errors.Join(err, u.swift.DeleteContainer(ctx, container)); err != nil {
				u.Error(err)
			}
		}
	})
	code, err := os.ReadFile("../../docs/user/examples/thumbnail/main.py")
	if err != nil {
		u.Fatal(err)
	}
	u.worker = begin(u.T, "python3", nil).specialise("main.main", files{"main.py": string(code)})
	made := faas.Trigger{
		ID: "t", ProjectID: u.project, CreatedAt: time.Now(),
		Settings: fmt.Sprintf(`{"container": %q, "suffix": ".png"}`, u.from),
	}
	pictures := pictures()
	for name, picture := range pictures {
		var b bytes.Buffer
		if err := png.Encode(&b, picture); err != nil {
			u.Fatal(err)
		}
		u.put(name, b.Bytes())
	}
	u.put("no picture.png", []byte("text"))
	u.put("no picture.txt", []byte("text"))
	keeper := fromswift.New(fromswift.Config{Cloud: u, Take: inTurn(u.Take)})
	kept, err := keeper.Keep(u.Context(), made)
	if err != nil {
		u.Fatal(err)
	}
	if made.State = kept.State; len(u.outcomes) != len(pictures)+1 {
		u.Errorf("%d calls", len(u.outcomes))
	}
	failed := 0
	for _, out := range u.outcomes {
		if out.Status != faas.ExecutionSuccess {
			if failed++; !strings.Contains(string(out.Output), "no PNG") {
				u.Errorf("%s\n%s", out.Output, out.Log)
			}
		}
	}
	if failed != 1 {
		u.Errorf("%d calls failed", failed)
	}
	for name, picture := range pictures {
		u.compare(name, picture)
	}
	if _, err := keeper.Keep(u.Context(), made); err != nil || len(u.outcomes) != len(pictures)+1 {
		u.Errorf("a second look: %v, %d calls", err, len(u.outcomes))
	}
}

// inTurn is a Taker for one event at a time.
func inTurn(take func(context.Context, faas.Trigger, event.Event) (trigger.Taken, error)) trigger.Taker {
	return &turns{place: make(chan struct{}, 1), take: take}
}

type turns struct {
	place chan struct{}
	take  func(context.Context, faas.Trigger, event.Event) (trigger.Taken, error)
}

func (t *turns) Take(ctx context.Context, tr faas.Trigger, e event.Event) (trigger.Taken, error) {
	t.place <- struct{}{}
	defer func() { <-t.place }()
	return t.take(ctx, tr, e)
}

func (u *thumbnails) put(name string, body []byte) {
	u.Helper()
	if err := u.swift.Put(u.Context(), u.from, name, bytes.NewReader(body), swift.MD5(body)); err != nil {
		u.Fatal(err)
	}
}

// pictures have all types of colours, and content for which the encoder takes all filters.
func pictures() map[string]image.Image {
	area := image.Rect(0, 0, 120, 90)
	rgb, alpha, grey := image.NewRGBA(area), image.NewNRGBA(area), image.NewGray(area)
	var colours colour.Palette // more than have room in 4 bits
	for i := range uint8(20) {
		colours = append(colours, colour.RGBA{200 - i, i * 10, 7 * i, 255})
	}
	palette := image.NewPaletted(area, colours)
	noise := uint32(1)
	for y := range area.Dy() {
		for x := range area.Dx() {
			noise = noise*1664525 + 1013904223
			n := uint8(noise >> 27)
			rgb.SetRGBA(x, y, colour.RGBA{uint8(x*2) + n/4, uint8(y*2) + n/4, uint8(x+y) + n, 255})
			alpha.SetNRGBA(x, y, colour.NRGBA{uint8(x * y), uint8(200 - y), n, uint8(100 + x)})
			grey.SetGray(x, y, colour.Gray{uint8(x+y) + n/2})
			palette.SetColorIndex(x, y, uint8((x/5+y/7)%len(colours)))
		}
	}
	return map[string]image.Image{
		"colours.png": rgb, "in/a folder/ü alpha.png": alpha, "grey.png": grey, "palette.png": palette,
		"tiny.png": grey.SubImage(image.Rect(0, 0, 3, 5)), "wide.png": rgb.SubImage(image.Rect(0, 7, 120, 8)),
	}
}

// compare holds a thumbnail against what it is of: each point is the mean of those that it stands
// for.
func (u *thumbnails) compare(name string, of image.Image) {
	u.Helper()
	body, _, err := u.swift.Get(u.Context(), u.into, name)
	if err != nil {
		u.Errorf("%s: %v", name, err)
		return
	}
	defer body.Close()
	content, _ := io.ReadAll(body)
	got, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		u.Errorf("%s: %v", name, err)
		return
	}
	b := of.Bounds()
	width := min(40, b.Dx())
	height := max(1, b.Dy()*width/b.Dx())
	if got.Bounds() != image.Rect(0, 0, width, height) {
		u.Errorf("%s: %v, not %d x %d", name, got.Bounds(), width, height)
		return
	}
	for y := range height {
		for x := range width {
			var sum [4]int
			points := 0
			for fy := y * b.Dy() / height; fy < (y+1)*b.Dy()/height; fy++ {
				for fx := x * b.Dx() / width; fx < (x+1)*b.Dx()/width; fx++ {
					c := colour.NRGBAModel.Convert(of.At(b.Min.X+fx, b.Min.Y+fy)).(colour.NRGBA)
					sum[0], sum[1], sum[2], sum[3] = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B), sum[3]+int(c.A)
					points++
				}
			}
			c := colour.NRGBAModel.Convert(got.At(x, y)).(colour.NRGBA)
			for i, v := range []uint8{c.R, c.G, c.B, c.A} {
				if want := sum[i] / points; int(v) < want-1 || int(v) > want+1 {
					u.Fatalf("%s: at %d, %d: %v; the mean is %v by %d", name, x, y, c, sum, points)
				}
			}
		}
	}
}
