#include <stdint.h>
struct pair { int a; long b; };
struct big { long v[5]; };
struct mix { double d; int i; };
struct bits { unsigned a:3, b:7; int c; };
enum color { RED = 1, GREEN = -2 };
union u { int i; float f; };
__attribute__((noinline)) int ints(char a, short b, int c, long d, unsigned char e, uint64_t f, int g, long h) { return a+b+c+d+e+f+g+h; }
__attribute__((noinline)) struct pair structs(struct pair p, struct big b, struct mix m, struct bits *q, enum color c, union u u) { p.a += b.v[1] + m.i + q->b + c + u.i; return p; }
__attribute__((noinline)) struct big large(int x) { struct big b = {{x}}; return b; }
__attribute__((noinline)) double floats(float a, double b, int n, long double l, const char *s) { return a+b+n+l+s[0]; }
__attribute__((noinline)) void unused(int a, char *b) { __asm__ volatile(""); }
int main(int argc, char **argv) { struct pair p = {1,2}; struct big b = {{1}}; struct mix m = {1.0,2}; struct bits q = {1,2,3}; union u u = {3};
 unused(1, 0); return ints(1,2,3,4,5,6,7,argc) + structs(p,b,m,&q,RED,u).a + large(3).v[0] + (int)floats(1,2,3,4,"x"); }
