"""The figures of the HTML report, one file each: functions of `Facts` that return inline SVG and HTML."""
