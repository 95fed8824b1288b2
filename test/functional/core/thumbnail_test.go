package core

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/test/functional/sizes"
)

// picture returns a PNG of a plain colour, so many pixels in each direction.
func picture(t *testing.T, pixels int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, pixels, pixels))
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	img.Pix[0] = 255
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

// TestThumbnails has the manual's example make a thumbnail of each picture that is put into a
// container, many at once, with the function's own rights.
func TestThumbnails(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	c := with(t, 0, demo.text)
	source, err := os.ReadFile(repository + "/docs/user/examples/thumbnail/main.py")
	must(t, err)
	f := create(ctx, t, c, string(source))
	must(t, c.Do(ctx, "PUT", "/v1/functions/"+f.ID, map[string]any{"memory_size": 128 << 20}, nil)) // as the manual has it
	photos := fmt.Sprintf("photos-%d", time.Now().UnixNano())
	small := strings.Replace(photos, "photos", "thumbnails", 1)
	large := picture(t, 64)
	object(ctx, t, demo, photos, "before.png", large)
	c.Header[version[0]] = version[1]
	var made triggerView
	must(t, c.Do(ctx, "POST", "/v1/triggers", map[string]any{
		"source": "swift", "function_id": f.ID,
		"settings": map[string]any{"container": photos, "suffix": ".png", "interval": 2},
		"input":    map[string]any{"into": small, "width": 16},
	}, &made))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/triggers/"+made.ID, nil, nil)
	})
	await(ctx, t, "the trigger is active", func() bool { return shownTrigger(ctx, t, c, made.ID).Status == "active" })
	const sides = 10
	pictures := sizes.Of(100, 40)
	var group sync.WaitGroup
	for side := range sides {
		group.Go(func() {
			for n := side; n < pictures; n += sides {
				path := fmt.Sprintf("%s/%s/p-%03d.png", demo.swift, photos, n)
				header := map[string]string{"X-Auth-Token": demo.text}
				if code, _, answer := request(ctx, t, "PUT", path, header, large); code != http.StatusCreated {
					t.Errorf("Swift: %d %s", code, answer)
				}
			}
		})
	}
	group.Wait()
	got := caused(ctx, t, c, made.ID, pictures)
	if each := slices.Compact(slices.Clone(got)); len(each) != pictures || len(got) != pictures {
		t.Errorf("of %d pictures there are %d executions of %d", pictures, len(got), len(each))
	}
	header := map[string]string{"X-Auth-Token": demo.text}
	code, _, list := request(ctx, t, "GET", demo.swift+"/"+small, header, nil)
	if names := strings.Fields(string(list)); code != http.StatusOK || len(names) != pictures || names[0] != "p-000.png" {
		t.Errorf("%d thumbnails: %d %.200s", len(names), code, list)
	}
	_, _, one := request(ctx, t, "GET", demo.swift+"/"+small+"/p-032.png", header, nil)
	img, err := png.Decode(bytes.NewReader(one))
	if err != nil || img.Bounds().Dx() != 16 {
		t.Errorf("a thumbnail is %v, %v", img, err)
	}
}
