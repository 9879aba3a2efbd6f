# Write real data sets of R's packages as CSV files, and mclust's mixtures of them.
#
#   Rscript small_starts.R data FOLDER                 every data set below, NAME.csv
#   Rscript small_starts.R mclust FOLDER NAME K MODEL  NAME-mclust-I.csv, one file for each start
#
# A mixture is a row per component: its weight, its mean, its covariance row by row.

arguments <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages({
  library(mclust)
  library(MASS)
  library(cluster)
})

of <- function(package, name, columns = NULL) {
  within <- new.env()
  data(list = name, package = package, envir = within)
  table <- as.data.frame(get(name, envir = within))
  if (is.null(columns)) columns <- names(table)[sapply(table, is.numeric)]
  table <- table[, columns, drop = FALSE]
  as.matrix(table[complete.cases(table), , drop = FALSE])
}

sets <- list(
  iris = function() of("datasets", "iris"),
  faithful = function() of("datasets", "faithful"),
  geyser = function() of("MASS", "geyser"),
  mammals = function() of("MASS", "mammals"),
  Animals = function() of("MASS", "Animals"),
  crabs = function() of("MASS", "crabs", c("FL", "RW", "CL", "CW", "BD")),
  diabetes = function() of("mclust", "diabetes", c("glucose", "insulin", "sspg")),
  banknote = function() of("mclust", "banknote"),
  thyroid = function() of("mclust", "thyroid", c("RT3U", "T4", "T3", "TSH", "DTSH")),
  wdbc = function() of("mclust", "wdbc", c("Texture_mean", "Area_extreme", "Smoothness_extreme")),
  Pima.te = function() of("MASS", "Pima.te"),
  Boston = function() of("MASS", "Boston", c("rm", "lstat", "medv")),
  birthwt = function() of("MASS", "birthwt", c("age", "lwt", "bwt")),
  cats = function() of("MASS", "cats"),
  Cars93 = function() of("MASS", "Cars93", c("Price", "MPG.city", "Horsepower", "Weight")),
  cpus = function() of("MASS", "cpus", c("syct", "mmin", "mmax", "perf")),
  gilgais = function() of("MASS", "gilgais"),
  Melanoma = function() of("MASS", "Melanoma", c("time", "age", "thickness")),
  mcycle = function() of("MASS", "mcycle"),
  LifeCycleSavings = function() of("datasets", "LifeCycleSavings"),
  USArrests = function() of("datasets", "USArrests"),
  swiss = function() of("datasets", "swiss"),
  airquality = function() of("datasets", "airquality", c("Ozone", "Solar.R", "Wind", "Temp")),
  rivers = function() cbind(rivers),
  islands = function() cbind(islands),
  attenu = function() of("datasets", "attenu", c("dist", "accel")),
  galaxies = function() cbind(galaxies),
  acidity = function() { data(acidity, package = "mclust"); cbind(acidity) },
  ruspini = function() of("cluster", "ruspini")
)

if (arguments[1] == "data") {
  for (name in names(sets)) {
    rows <- sets[[name]]()
    mode(rows) <- "numeric"
    write.table(format(rows, digits = 17, trim = TRUE), file.path(arguments[2], paste0(name, ".csv")),
                sep = ",", quote = FALSE, row.names = FALSE, col.names = FALSE)
  }
  cat(R.version.string, "\nmclust", as.character(packageVersion("mclust")), "\n")
} else {
  path <- file.path(arguments[2], arguments[3])
  rows <- as.matrix(read.csv(paste0(path, ".csv"), header = FALSE))
  k <- as.integer(arguments[4])
  model <- arguments[5]
  d <- ncol(rows)
  if (d == 1) model <- c(VVV = "V", VVI = "V", VII = "V", EEE = "E")[[model]]
  found <- 0
  # mclust's default is hierarchical clustering by likelihood after an SVD; these are all it offers.
  for (use in if (d == 1) "VARS" else c("SVD", "VARS", "STD", "SPH", "PCS", "PCR")) {
    for (kind in if (d == 1) c("V", "E") else c("VVV", "EEE", "VII", "EII")) {
      fitted <- try({
        tree <- hc(rows, modelName = kind, use = use)
        Mclust(rows, G = k, modelNames = model, initialization = list(hcPairs = tree),
               verbose = FALSE)
      }, silent = TRUE)
      if (inherits(fitted, "try-error") || is.null(fitted)) next
      parameters <- fitted$parameters
      covariances <- if (d == 1) rep(parameters$variance$sigmasq, length.out = k)
                     else parameters$variance$sigma
      means <- matrix(parameters$mean, nrow = d)
      lines <- t(sapply(seq_len(k), function(i) {
        covariance <- if (d == 1) covariances[i] else as.vector(covariances[, , i])
        c(parameters$pro[i], means[, i], covariance)
      }))
      found <- found + 1
      write.table(format(lines, digits = 17, trim = TRUE), paste0(path, "-mclust-", found, ".csv"),
                  sep = ",", quote = FALSE, row.names = FALSE, col.names = FALSE)
    }
  }
  cat(found, "\n")
}
