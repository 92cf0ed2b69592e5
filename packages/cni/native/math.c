/* The functions of JavaScript's Math that no plugin calls: in libm's place they save 0.3 MB of tables.
 * Whoever calls one ends the process at once, in the first test. */

#define UNUSED_FUNCTION(name) \
    double name(double x) { (void)x; __builtin_trap(); }

UNUSED_FUNCTION(acos)
UNUSED_FUNCTION(acosh)
UNUSED_FUNCTION(asin)
UNUSED_FUNCTION(asinh)
UNUSED_FUNCTION(atan)
UNUSED_FUNCTION(atanh)
UNUSED_FUNCTION(cbrt)
UNUSED_FUNCTION(cos)
UNUSED_FUNCTION(cosh)
UNUSED_FUNCTION(expm1)
UNUSED_FUNCTION(log10)
UNUSED_FUNCTION(log1p)
UNUSED_FUNCTION(log2)
UNUSED_FUNCTION(sin)
UNUSED_FUNCTION(sinh)
UNUSED_FUNCTION(tan)
UNUSED_FUNCTION(tanh)

double atan2(double y, double x)
{
    (void)y;
    (void)x;
    __builtin_trap();
}
