# Seconds of mclust's choice of a model on a file of rows: 14 models, and the six that fastgmm has.
#
#   Rscript sizes.R FILE ROUNDS

arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(mclust))
rows <- as.matrix(read.csv(arguments[1]))
rounds <- as.integer(arguments[2])
ours <- c("EII", "VII", "EEI", "VVI", "EEE", "VVV")
choose <- function(models) mclustBIC(rows, G = 1:9, modelNames = models, verbose = FALSE)
seconds <- function(models) {
  choose(models)
  median(replicate(rounds, sum(system.time(choose(models))[1:2])))
}
all <- seconds(mclust.options("emModelNames"))
six <- seconds(ours)
best <- -max(choose(ours), na.rm = TRUE)
cat(as.character(packageVersion("mclust")), all, six, best, "\n")
