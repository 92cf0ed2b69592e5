/* What Debian's libquickjs, compiled against glibc with fortified calls, needs and musl does not have. */
#include <stdarg.h>
#include <stdio.h>

int __fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vfprintf(stream, format, arguments);
    va_end(arguments);
    (void)flag;
    return n;
}

int __snprintf_chk(char *buffer, size_t size, int flag, size_t capacity, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    (void)flag, (void)capacity;
    return n;
}

int __vsnprintf_chk(char *buffer, size_t size, int flag, size_t capacity, const char *format, va_list arguments)
{
    (void)flag, (void)capacity;
    return vsnprintf(buffer, size, format, arguments);
}
