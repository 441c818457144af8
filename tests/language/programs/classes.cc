// classes: -g -O1 -fno-omit-frame-pointer
// classes_plain: -O1 -fno-omit-frame-pointer

// Functions of C++: namespaces, overloads, templates, methods, objects that are
// passed by reference.
#include <cstdint>
#include <string>

#define KEEP __attribute__((noinline, noclone))
#define HERE(x) asm volatile("" : : "r"(x) : "memory")

namespace shop {

enum class State : uint8_t { open, closed = 7 };

struct Base { int id; };

struct Order : Base {
	double price;
	State state;
	Order *next;
	KEEP int total(int n) const { HERE(this); return id * n; }
	KEEP static int parse(const char *text) { HERE(text); return 5; }
};

struct Guard {
	int value, other;
	~Guard() { HERE(this); }
};

struct Wide { int64_t a, b, c; };

KEEP int add(int a, int b) { HERE(a); return a + b; }
KEEP double add(double a, double b) { HERE(&a); return a + b; }
KEEP int refer(Order &o, const Order *p, State s) { HERE(&o); return o.id + (p ? 1 : 0) + (int)s; }
KEEP int guard(Guard g, int n) { HERE(&g); return g.value + n; }
KEEP Wide wide(int n) { Wide w{n, n + 1, n + 2}; HERE(&w); return w; }
template <typename T> KEEP T twice(T v) { HERE(&v); return v + v; }

} // namespace shop

int main(int argc, char **argv)
{
	shop::Order first{{7}, 2.5, shop::State::closed, nullptr}, second{{8}, 3.5, shop::State::open, &first};
	int n = shop::add(1, 2) + (int)shop::add(1.5, 2.5) + second.total(3) + shop::Order::parse("text");
	n += shop::refer(second, &first, shop::State::closed) + shop::guard(shop::Guard{11, 12}, 3);
	n += (int)shop::wide(20).c + shop::twice(4) + (int)shop::twice(2L);
	return n == 0;
}
