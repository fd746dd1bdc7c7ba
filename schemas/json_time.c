/* json_time.c - RFC 3339 to milliseconds since 1970 UTC and back.
 *
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days from civil and back:
 * years begin in March, so that the leap day is a year's last).
 */
#include "schemas/json.h"

#include <stdio.h>

#include "schemas/message_rules.h"

enum { DAYS_OF_ERA = 146097, DAYS_TO_1970 = 719468, MS_OF_DAY = 86400000 };

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
    days += DAYS_TO_1970;
    int64_t era = days / DAYS_OF_ERA, of_era = days % DAYS_OF_ERA;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t moon = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * moon + 2) / 5 + 1);
    *month = (int)(moon < 10 ? moon + 3 : moon - 9);
    *year = (int)(years + era * 400 + (*month <= 2));
}

void json_time(int64_t milliseconds, char out[JSON_TIME_SIZE])
{
    int year, month, day;

    if (milliseconds < 0)
        milliseconds = 0;
    if (milliseconds > TIME_MS_MAX)
        milliseconds = TIME_MS_MAX;
    civil_from_days(milliseconds / MS_OF_DAY, &year, &month, &day);
    unsigned int of_day = (unsigned int)(milliseconds % MS_OF_DAY);
    (void) snprintf(out, JSON_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                    (unsigned int)year % 10000, (unsigned int)month % 100, (unsigned int)day % 100,
                    of_day / 3600000 % 24, of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
}

/* The number of exactly `digits` digits at `at`, or -1. */
static int number_at(struct text text, size_t at, size_t digits)
{
    int number = 0;

    if (at + digits > text.size)
        return -1;
    for (size_t i = at; i < at + digits; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        number = number * 10 + (text.at[i] - '0');
    }
    return number;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static bool read_date(struct text text, int64_t *days)
{
    int year = number_at(text, 0, 4), month = number_at(text, 5, 2), day = number_at(text, 8, 2);

    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    if (text.at[4] != '-' || text.at[7] != '-')
        return false;
    *days = days_from_civil(year, month, day);
    return true;
}

static bool read_clock(struct text text, int64_t *ms)
{
    int hour = number_at(text, 11, 2), minute = number_at(text, 14, 2);
    int second = number_at(text, 17, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    if (text.at[13] != ':' || text.at[16] != ':')
        return false;
    *ms = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)second * 1000;
    return true;
}

/* ".123456" at *at, where there is one: its first three digits count. */
static bool read_fraction(struct text text, size_t *at, int64_t *ms)
{
    int64_t worth = 100;
    size_t begin = *at + 1;

    if (*at >= text.size || text.at[*at] != '.')
        return true;
    for (*at = begin; *at < text.size && text.at[*at] >= '0' && text.at[*at] <= '9'; (*at)++) {
        *ms += worth * (text.at[*at] - '0');
        worth /= 10;
    }
    return *at > begin;
}

/* Z or +hh:mm, and nothing behind. */
static bool read_offset(struct text text, size_t at, int64_t *ms)
{
    if (at + 1 == text.size && (text.at[at] == 'Z' || text.at[at] == 'z'))
        return true;
    int hours = number_at(text, at + 1, 2), minutes = number_at(text, at + 4, 2);
    if (at + 6 != text.size || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    if ((text.at[at] != '+' && text.at[at] != '-') || text.at[at + 3] != ':')
        return false;
    int64_t offset = ((int64_t)hours * 60 + minutes) * 60000;
    *ms -= text.at[at] == '+' ? offset : -offset;
    return true;
}

bool json_time_read(struct text text, int64_t *milliseconds)
{
    int64_t days, ms;
    size_t at = sizeof "2025-10-10T15:00:00" - 1;

    if (text.size <= at || !read_date(text, &days) || !read_clock(text, &ms))
        return false;
    if (text.at[10] != 'T' && text.at[10] != 't')
        return false;
    if (!read_fraction(text, &at, &ms) || !read_offset(text, at, &ms))
        return false;
    ms += days * MS_OF_DAY;
    if (ms < 0 || ms > TIME_MS_MAX)
        return false;
    *milliseconds = ms;
    return true;
}
