package events

import "testing"

func TestPayloadText(t *testing.T) {
	for _, c := range []struct {
		codec    byte
		in, want string
	}{
		{0x10, `{"A":1}`, `{"A":1}`},
		{0x10, `{"A":[1,"b`, `{"A":[1,"b..`},
		{0x30, "\x83\xa1A\x03\xa1B\xd1\xff\x00\xa4Name\xa3a\"b", `{"A":3,"B":-256,"Name":"a\"b"}`},
		{0x30, "\x81\xa4Blob\xc4\x03\x00\xff\x01", `{"Blob":0x00ff01}`},
		{0x30, "\x93\xc0\xc3\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", `[null,true,1.5]`},
		{0x30, "\xd7\xff\x00\x00\x5d\xc0\x69\x57\x35\xa5", `"2026-01-02T03:04:05.000006Z"`},
		{0x30, "\x92\xd6\xff\x69\x57\x35\xa5\xc7\x0c\xff\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff", `["2026-01-02T03:04:05Z","1969-12-31T23:59:59.000000001Z"]`},
		{0x30, "\xd4\x01\xff", `0x01ff`},
		{0x30, "\x82\xa1A\x03\xa1B\xda\x01", `{"A":3,"B":""}..`},
		{0x20, "\x08\x04\x12\x03abc\x1a\x02\x08\x05", `{1:4,2:"abc",3:{1:5}}`},
		{0x20, "\x0a\x40abc", `{1:"abc"}..`},
		{0x40, "\x08\x00\x01\x00\x00\x00\x03\x0b\x00\x02\x00\x00\x00\x03red\x0f\x00\x03\x0b\x00\x00\x00\x01\x00\x00\x00\x01a\x00", `{1:3,2:"red",3:["a"]}`},
		{0x00, "bytes", `"bytes"`},
		{0x00, "\xff\x00", `0xff00`},
		{0x30, "", ``},
	} {
		if got := string(payloadText(c.codec, []byte(c.in))); got != c.want {
			t.Errorf("%q of codec %#x: %s, want %s", c.in, c.codec, got, c.want)
		}
	}
}

func FuzzPayloadText(f *testing.F) {
	f.Add(byte(0x30), []byte("\x83\xa1A\x03\xa1B\xd1\xff\x00\xdf\xff\xff\xff\xff"))
	f.Add(byte(0x20), []byte("\x08\x04\x12\x03abc\x1a\x02\x08\x05"))
	f.Add(byte(0x40), []byte("\x0d\x00\x01\x0b\x0b\x00\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, codec byte, b []byte) {
		if got := payloadText(codec, b); len(got) > 64+64*len(b) {
			t.Errorf("%d bytes of %d", len(got), len(b))
		}
	})
}
